#include "replication/xa_recover.h"

#include <stdio.h>

#include "cluster/decision.h"

// Waybill's names have no NUL in them.
static void take_row(const struct db_rows *rows, struct xa_ledger *ledger)
{
    const char *name = db_rows_text(rows, "data");
    size_t gtrid_len = db_rows_number(rows, "gtrid_length");
    if (db_rows_number(rows, "formatID") == DECISION_FORMAT_ID && gtrid_len < XID_PART_BYTES &&
        gtrid_len < strlen(name) && strlen(name + gtrid_len) < XID_PART_BYTES) {
        char gtrid[XID_PART_BYTES];
        snprintf(gtrid, sizeof gtrid, "%.*s", (int)gtrid_len, name);
        xa_ledger_hold(ledger, gtrid, name + gtrid_len);
    }
}

bool xa_recover(struct dbconn *conn, struct xa_ledger *ledger, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "XA RECOVER");
    for (bool is_row = is_read && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        take_row(&rows, ledger);
    }
    db_rows_done(&rows);
    return is_read;
}
