// An answer of etcd, whatever it says: what is found lies within it.

#include <stdlib.h>

#include "base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const names[] = {"ID", "TTL", "revision", "succeeded", "message", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice value;
        bool is_found = json_find(slice_of(bytes, len), names[i], &value);
        if (is_found && (value.ptr < bytes || value.ptr + value.len > bytes + len)) {
            abort();
        }
    }
    return 0;
}
