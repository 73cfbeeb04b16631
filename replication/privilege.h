#pragma once
// What the monitor's account is not allowed to do on a server, found out without doing it.

#include "replication/dbconn.h"

struct privileges {
    char missing[128];      // "RELOAD, READ_ONLY ADMIN"; "" when there is all that is needed
    bool lacks_replication; // can't even stop receiving, or lead to another primary
};

// False when the connection failed (`error`).
bool privilege_look(struct dbconn *conn, struct privileges *privileges,
                    struct error *error) MUST_CHECK;
// "waybill needs RELOAD on s1b"; "" when nothing is missing.
void privilege_explain(const struct privileges *privileges, const char *server, char *text,
                       size_t text_bytes);
