// A value that a session has set is set again on every backend that serves it, and there it is read
// in the settings of whoever used the backend before: "x" is a name with ANSI_QUOTES, '\n' two
// characters with NO_BACKSLASH_ESCAPES, and the bytes of a string are taken for text of the
// character set of that time. A user variable moreover keeps the collation of the connection that
// set it. So strings are carried as bytes with their character set:
//
//     SET NAMES latin1; SET @a = "n\n"    ->   @`a` = _latin1 x'6e0a'
//     SET sql_mode = ""                   ->   sql_mode = ''

#include "session/carried_value.h"

#include "protocol/charset.h"

// What the strings of the session are, when it is certain.
struct strings {
    const struct charset *charset;
    struct slice collation; // empty: the character set's own
};

static bool has_backslash_or_quote(struct slice text)
{
    return text.len > 0 &&
           (memchr(text.ptr, '\\', text.len) != NULL || memchr(text.ptr, '\'', text.len) != NULL);
}

// Up to the next quote, which goes as well.
static struct slice take_quoted(struct slice *rest)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\'', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct slice word = slice_part(*rest, 0, len);
    *rest = slice_part(*rest, len + (end == NULL ? 0 : 1), rest->len);
    return word;
}

// From the carried SET NAMES: utf8mb4, 'latin1' or 'latin1' COLLATE 'latin1_bin'. Not certain when
// it was DEFAULT, or when one of what it sets was set by itself.
static bool find_strings(const struct session_state *state, struct strings *strings)
{
    static const char *const single[] = {"character_set_client", "character_set_connection",
                                         "collation_connection"};
    struct slice rest = state_find_variable(state, slice_of_string("names"));
    *strings = (struct strings){.charset = NULL};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        if (state_find_variable(state, slice_of_string(single[i])).ptr != NULL) {
            return false;
        }
    }
    if (slice_is_nocase(rest, "utf8mb4")) {
        strings->charset = charset_find(rest);
        return strings->charset != NULL;
    }
    if (rest.len == 0 || rest.ptr[0] != '\'') {
        return false;
    }
    rest = slice_part(rest, 1, rest.len);
    strings->charset = charset_find(take_quoted(&rest));
    (void)take_quoted(&rest); // COLLATE
    strings->collation = take_quoted(&rest);
    return strings->charset != NULL;
}

// What MariaDB takes for no character although char_length does: overlong forms, surrogates, what
// is beyond the last character.
static bool is_bad_utf8(const struct charset *charset, const uint8_t *at)
{
    return (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
           (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90) ||
           (at[0] >= 0xf0 && charset->max_bytes < 4);
}

// A server refuses _gbk x'...' that is not well formed, but takes it between quotes: so only what
// is certainly well formed passes.
static bool is_well_formed(const struct charset *charset, struct slice bytes)
{
    bool is_utf8 = strncmp(charset->name, "utf8", 4) == 0;
    const uint8_t *end = bytes.ptr + bytes.len;
    if (charset->max_bytes == 1) {
        return true;
    }
    for (size_t i = 0; i < bytes.len;) {
        size_t len = bytes.ptr[i] < 0x80 ? 1 : charset->char_length(bytes.ptr + i, end);
        if (bytes.ptr[i] >= 0x80 &&
            (len == 1 || (is_utf8 && is_bad_utf8(charset, bytes.ptr + i)))) {
            return false;
        }
        i += len;
    }
    return true;
}

static bool is_string(const struct set_item *item)
{
    return item->value != NULL && item->value->kind == EXPR_STRING && !item->value->has_introducer;
}

bool carried_value_is_certain(const struct session_state *state, const struct set_item *item)
{
    struct strings strings;
    if (item->scope != SCOPE_USER || item->value == NULL || !item->is_constant) {
        return true;
    }
    if (item->value->kind != EXPR_STRING) {
        return true;
    }
    return !item->value->has_introducer && find_strings(state, &strings) &&
           is_well_formed(strings.charset, item->value->value);
}

static void add_hex(struct text *out, const char *charset, struct slice bytes)
{
    text_add_format(out, "_%s x'", charset);
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(out, "%02x", bytes.ptr[i]);
    }
    text_add_string(out, "'");
}

void carried_value_add(struct text *out, const struct session_state *state,
                       const struct set_item *item, struct slice text)
{
    struct strings strings;
    struct slice written = slice_part(text, item->value->span.begin, item->value->span.end);
    struct slice bytes = item->value->value;
    if (!is_string(item) || (written.ptr[0] != '\'' && written.ptr[0] != '"')) {
        text_add_slice(out, written);
    } else if (item->scope != SCOPE_USER) {
        if (has_backslash_or_quote(bytes)) {
            add_hex(out, "utf8mb4", bytes);
        } else {
            text_add_string(out, "'");
            text_add_slice(out, bytes);
            text_add_string(out, "'");
        }
    } else if (find_strings(state, &strings)) {
        add_hex(out, strings.charset->name, bytes);
        if (strings.collation.len > 0) {
            text_add_format(out, " COLLATE %.*s", (int)strings.collation.len,
                            (const char *)strings.collation.ptr);
        }
    } else {
        text_add_slice(out, written); // the session is bound to the backend
    }
}

bool carried_value_is_of_system(const struct set_item *item)
{
    return item->scope == SCOPE_USER && item->value != NULL &&
           item->value->kind == EXPR_SYSTEM_VARIABLE;
}

bool carried_value_is_of_parts(const struct set_item *item)
{
    return item->scope == SCOPE_SESSION && item->value != NULL &&
           (slice_is_nocase(item->name, "optimizer_switch") ||
            slice_is_nocase(item->name, "optimizer_trace"));
}
