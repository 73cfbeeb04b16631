// "1000", "0.5", "1.5e20": see double_text.h. The value is finite.

#include "session/double_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIGITS_MAX = 17, POINT_MAX = 15, POINT_MIN = -14, SHORT_BYTES = 32 };

// The digits of the value without zeros at the end, and its decimal exponent: 0.DIGITS * 10^point.
struct shortest {
    char digits[SHORT_BYTES];
    int count;
    int point;
};

static struct shortest shortest_of(double value)
{
    char text[SHORT_BYTES];
    struct shortest shortest = {.count = 0};
    for (int digits = 1; digits <= DIGITS_MAX; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        double back = strtod(text, NULL);
        if (back == value) {
            break;
        }
    }
    const char *at = text;
    for (; *at != 'e' && *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9') {
            shortest.digits[shortest.count++] = *at;
        }
    }
    shortest.point = *at == 'e' ? (int)strtol(at + 1, NULL, 10) + 1 : 1;
    while (shortest.count > 1 && shortest.digits[shortest.count - 1] == '0') {
        shortest.count--;
    }
    return shortest;
}

static void add_zeros(struct text *out, int count)
{
    for (int i = 0; i < count; i++) {
        text_add_string(out, "0");
    }
}

void double_write(double value, struct text *out)
{
    struct shortest shortest = shortest_of(value < 0 ? -value : value);
    int count = shortest.count, point = shortest.point;
    const char *digits = shortest.digits;
    text_add_string(out, value < 0 ? "-" : "");
    if (value == 0) {
        text_add_string(out, "0");
    } else if (point < POINT_MIN || point > POINT_MAX) {
        text_add(out, digits, 1);
        text_add_string(out, count > 1 ? "." : "");
        text_add(out, digits + 1, (size_t)(count - 1));
        text_add_format(out, "e%d", point - 1);
    } else if (point <= 0) {
        text_add_string(out, "0.");
        add_zeros(out, -point);
        text_add(out, digits, (size_t)count);
    } else if (point >= count) {
        text_add(out, digits, (size_t)count);
        add_zeros(out, point - count);
    } else {
        text_add(out, digits, (size_t)point);
        text_add_string(out, ".");
        text_add(out, digits + point, (size_t)(count - point));
    }
}
