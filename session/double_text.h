#pragma once

#include "base/text.h"

// A DOUBLE without fixed decimals as the servers write it in text rows (my_gcvt): the fewest digits
// that read back as the same value, with an exponent only below 1e-15 and from 1e15 on.
void double_write(double value, struct text *out);
