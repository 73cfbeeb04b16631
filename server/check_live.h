#pragma once
// waybill --check --live: the servers of a configuration, each asked once.

#include "cluster/config.h"

// Prints a line for each server. True when each can be reached, lets waybill do what it has to, and
// has settings that keep its shard's durability.
bool check_live(const struct config *config) MUST_CHECK;
