#pragma once
// A slice: bytes that somebody else owns. Valid as long as the owner says.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

// The object that embeds `member`, from a pointer to the member.
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct slice {
    const uint8_t *ptr; // may be NULL when len is 0
    size_t len;         // bytes
};

// What a step that may have to wait comes back with.
enum io { IO_DONE, IO_AGAIN, IO_CLOSED, IO_ERROR };

static inline struct slice slice_of(const void *ptr, size_t len)
{
    return (struct slice){.ptr = ptr, .len = len};
}

static inline struct slice slice_of_string(const char *text)
{
    return (struct slice){.ptr = (const uint8_t *)text, .len = strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// The part from `begin` to before `end`, both within the slice.
static inline struct slice slice_part(struct slice whole, size_t begin, size_t end)
{
    return (struct slice){.ptr = whole.ptr + begin, .len = end - begin};
}

// ASCII letters without case; other bytes as they are.
bool slice_equal_nocase(struct slice a, struct slice b) MUST_CHECK;
bool slice_is_ascii(struct slice a) MUST_CHECK; // the same in (nearly) every character set
bool slice_is_nocase(struct slice a, const char *text) MUST_CHECK;
bool slice_contains_nocase(struct slice a, const char *text) MUST_CHECK; // anywhere in it

// A whole decimal integer with optional sign, nothing else around it. False on overflow or any
// other byte.
bool slice_to_int64(struct slice text, int64_t *value) MUST_CHECK;
bool slice_to_uint64(struct slice text, uint64_t *value) MUST_CHECK;
