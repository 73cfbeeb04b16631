#pragma once
// What the process takes of the machine.

#include "cluster/settings.h"

// One descriptor for each client and each backend; the soft limit of many systems is 1024.
void limits_raise_descriptors(const struct settings *settings);
uint16_t limits_count_workers(const struct settings *settings); // at least 1
