// A definition is one line for each column, index and constraint, between the line with the name
// and the line with the options. Quotes are followed, since a comment or a default may hold
// anything.

#include "router/definition.h"

#include "base/hash.h"

static const char counter[] = " AUTO_INCREMENT=";

// Behind the quoted text that begins at `at`. Doubled quotes begin another one, which is as good.
static size_t skip_quoted(struct slice text, size_t at)
{
    uint8_t quote = text.ptr[at++];
    while (at < text.len && text.ptr[at] != quote) {
        at += text.ptr[at] == '\\' && quote == '\'' ? 2 : 1;
    }
    return at < text.len ? at + 1 : text.len;
}

static bool is_quote(uint8_t byte)
{
    return byte == '\'' || byte == '`' || byte == '"';
}

static size_t counter_bytes(struct slice text, size_t at)
{
    size_t len = sizeof counter - 1, end = at + len;
    if (end >= text.len || memcmp(text.ptr + at, counter, len) != 0) {
        return 0;
    }
    while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9') {
        end++;
    }
    return end - at;
}

void definition_normalise(struct slice create, struct text *out)
{
    size_t at = 0, copied = 0;
    while (at < create.len) {
        if (is_quote(create.ptr[at])) {
            at = skip_quoted(create, at);
            continue;
        }
        size_t dropped = create.ptr[at] == ' ' ? counter_bytes(create, at) : 0;
        if (dropped > 0) {
            text_add_slice(out, slice_part(create, copied, at));
            copied = at + dropped;
        }
        at += dropped > 0 ? dropped : 1;
    }
    text_add_slice(out, slice_part(create, copied, create.len));
}

uint64_t definition_hash(struct slice create)
{
    struct text normal;
    text_init(&normal);
    definition_normalise(create, &normal);
    uint64_t hash = hash_bytes(normal.ptr, normal.len);
    text_done(&normal);
    return hash != 0 ? hash : 1;
}

uint64_t definition_hash_join(uint64_t all, uint64_t next)
{
    uint64_t parts[2] = {all, next};
    uint64_t sum = hash_bytes(parts, sizeof parts);
    return sum != 0 ? sum : 1;
}

// ---- lines

// The next line of *rest without blanks around it and the comma behind; len 0 and ptr NULL: none.
static struct slice next_line(struct slice *rest)
{
    size_t end = 0;
    if (rest->len == 0) {
        return slice_of(NULL, 0);
    }
    while (end < rest->len && rest->ptr[end] != '\n') {
        end = is_quote(rest->ptr[end]) ? skip_quoted(*rest, end) : end + 1;
    }
    struct slice line = slice_part(*rest, 0, end);
    *rest = slice_part(*rest, end < rest->len ? end + 1 : end, rest->len);
    while (line.len > 0 && line.ptr[0] == ' ') {
        line = slice_part(line, 1, line.len);
    }
    if (line.len > 0 && line.ptr[line.len - 1] == ',') {
        line.len--;
    }
    return line;
}

static bool has_line(struct slice text, struct slice line)
{
    struct slice other;
    while ((other = next_line(&text)).ptr != NULL) {
        if (slice_equal(other, line)) {
            return true;
        }
    }
    return false;
}

static void add_lines(struct slice of, struct slice without, const char *word, struct text *out)
{
    struct slice line;
    while ((line = next_line(&of)).ptr != NULL) {
        if (!has_line(without, line)) {
            text_add_string(out, out->len > 0 ? "; " : "");
            text_add_format(out, "%s ", word);
            text_add_slice(out, line);
        }
    }
}

void definition_difference(struct slice one, struct slice other, struct text *out)
{
    struct text normal, wanted, lines;
    text_init(&normal);
    text_init(&wanted);
    text_init(&lines);
    definition_normalise(one, &normal);
    definition_normalise(other, &wanted);
    add_lines(text_slice(&normal), text_slice(&wanted), "has", &lines);
    add_lines(text_slice(&wanted), text_slice(&normal), "lacks", &lines);
    if (lines.len == 0 && !slice_equal(text_slice(&normal), text_slice(&wanted))) {
        text_add_string(&lines, "the same lines in another order");
    }
    text_add_slice(out, text_slice(&lines));
    text_done(&normal);
    text_done(&wanted);
    text_done(&lines);
}
