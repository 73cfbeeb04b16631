// Two values of a column and their sort keys: what the keys tell must be what the values are. The
// first bytes choose type, collation and protocol; then the length of the first value.

#include <stdlib.h>

#include "base/text.h"
#include "protocol/bytes.h"
#include "protocol/column.h"
#include "session/compare_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { KEY_BYTES_MAX = 65 };

// As servers write DECIMALs and integers; of other text only that it does no harm.
static bool is_number(struct slice text)
{
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool is_sign = i == 0 && text.ptr[i] == '-';
        digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
        points += text.ptr[i] == '.';
        if (!is_sign && text.ptr[i] != '.' && (text.ptr[i] < '0' || text.ptr[i] > '9')) {
            return false;
        }
    }
    return digits > 0 && points <= 1;
}

static bool is_comparable(const struct comparison *comparison, struct slice value)
{
    switch (comparison->method) {
    case COMPARE_NUMBER_TEXT:
        return is_number(value);
    case COMPARE_FLOAT:
    case COMPARE_DOUBLE:
        return false; // bytes that are no number (NaN) have any order
    case COMPARE_SIGNED:
    case COMPARE_UNSIGNED:
    case COMPARE_BITS:
    case COMPARE_DATETIME_TEXT:
    case COMPARE_DATETIME_BINARY:
    case COMPARE_TIME_TEXT:
    case COMPARE_TIME_BINARY:
    case COMPARE_STRING:
    case COMPARE_NOTHING:
        break;
    }
    return true;
}

static void check(const struct comparison *comparison, const struct field *a, const struct field *b)
{
    uint8_t a_key[KEY_BYTES_MAX], b_key[KEY_BYTES_MAX];
    bool is_exact = compare_key_write(comparison, a, a_key);
    is_exact &= compare_key_write(comparison, b, b_key);
    if (!is_comparable(comparison, a->bytes) || !is_comparable(comparison, b->bytes)) {
        return;
    }
    int by_key = memcmp(a_key, b_key, compare_key_bytes(comparison));
    int by_value = compare_fields(comparison, a, b);
    bool is_wrong =
        by_key != 0 ? (by_key < 0) != (by_value < 0) || by_value == 0 : is_exact && by_value != 0;
    if (is_wrong) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const collations[] = {"binary", "utf8mb4_bin", "utf8mb4_general_ci",
                                             "utf8mb4_general_nopad_ci", "latin1_swedish_ci"};
    struct reader reader = reader_of(slice_of(bytes, len));
    struct comparison comparison;
    struct error error;
    uint8_t more = read_u8(&reader);
    struct column column = {.type = read_u8(&reader), .collation_id = 45, .decimals = 31};
    column.flags = (more & 1) != 0 ? COLUMN_UNSIGNED : 0;
    const struct comparison_wish wish = {
        .column = &column,
        .is_binary = (more & 2) != 0,
        .is_descending = (more & 4) != 0,
        .collation = slice_of_string(collations[(more >> 3) % 5]),
    };
    struct field a = {.bytes = read_bytes(&reader, read_u8(&reader))};
    if (reader.is_bad || !comparison_choose(&comparison, &wish, &error)) {
        return 0;
    }
    struct field b = {.bytes = read_bytes(&reader, reader_left(&reader))};
    check(&comparison, &a, &b);
    return 0;
}
