#pragma once
// Where a server of the configuration is, and as whom the control plane goes there.

#include "cluster/config.h"
#include "replication/dbconn.h"

void monitor_fill_endpoint(const struct config *config, uint16_t server, struct endpoint *to);
