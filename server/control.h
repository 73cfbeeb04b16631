#pragma once
// The control thread: owns the workers, the monitor, the admin port and the newest snapshot; takes
// signals.

#include "cluster/config.h"

// Runs until a signal ends it. Takes the config over. The process's exit code.
int control_run(struct config *config);
