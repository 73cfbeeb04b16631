#pragma once
// What SHOW ENGINE INNODB STATUS tells. information_schema.innodb_trx would tell the same, but is a
// copy that is never renewed while somebody reads it more often than every 100 ms.

#include <stddef.h>

// Connections with an open transaction, as printed. A hint: text of clients' statements is in it,
// and a very long status has a part left out.
size_t innodb_status_open_transactions(const char *status);
