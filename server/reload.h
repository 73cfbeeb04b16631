#pragma once
// Reading the configuration again while waybill runs.

#include "cluster/snapshot.h"

// A snapshot with the file's new configuration; NULL when anything in it is wrong or needs a
// restart: then `errors` has a line for each reason. May block (host names).
struct snapshot *reload_config(const struct snapshot *running, struct text *errors);
