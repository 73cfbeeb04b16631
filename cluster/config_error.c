// Mistakes in a configuration: collected while the file is read and built, printed in the order of
// the file, however the builders came across them. A misspelt word gets the word that was probably
// meant.

#include "cluster/config_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORD_MAX = 64, ERROR_BYTES = 1024 };

struct config_error {
    struct config_error *next; // the one found before it
    int line;
    size_t place; // in the order of finding
    const char *text;
};

static bool is_known(const struct build *build, int line, const char *text)
{
    const struct config_error *error = build->errors;
    while (error != NULL && (error->line != line || strcmp(error->text, text) != 0)) {
        error = error->next;
    }
    return error != NULL;
}

void build_error(struct build *build, int line, const char *format, ...)
{
    char text[ERROR_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (is_known(build, line, text)) {
        return; // a setting that several servers share
    }
    struct config_error *error = arena_alloc(&build->scratch, sizeof *error);
    error->next = build->errors;
    error->line = line;
    error->place = build->error_count++;
    error->text = (const char *)arena_format(&build->scratch, "%s", text).ptr;
    build->errors = error;
}

static int compare_errors(const void *left, const void *right)
{
    const struct config_error *a = *(const struct config_error *const *)left;
    const struct config_error *b = *(const struct config_error *const *)right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

void build_print_errors(struct build *build, struct text *out)
{
    if (build->error_count == 0) {
        return;
    }
    size_t count = 0;
    const struct config_error **sorted =
        arena_alloc(&build->scratch, sizeof(struct config_error *) * build->error_count);
    for (const struct config_error *error = build->errors; error != NULL; error = error->next) {
        sorted[count++] = error;
    }
    qsort(sorted, count, sizeof(struct config_error *), compare_errors);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i]->line > 0) {
            text_add_format(out, "%s:%d: %s\n", build->path, sorted[i]->line, sorted[i]->text);
        } else {
            text_add_format(out, "%s: %s\n", build->path, sorted[i]->text);
        }
    }
}

const char *build_first_error(const struct build *build)
{
    const struct config_error *error = build->errors;
    while (error != NULL && error->next != NULL) {
        error = error->next;
    }
    return error != NULL ? error->text : "";
}

// Levenshtein's distance, one row of its table at a time.
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[b.len];
}

void near_miss_consider(struct near_miss *near, const char *candidate)
{
    struct slice word = slice_of_string(candidate);
    if (word.len > WORD_MAX || near->wanted.len > WORD_MAX) {
        return;
    }
    size_t distance = edit_distance(near->wanted, word);
    size_t limit = word.len < 4 ? 1 : word.len / 3 + 1; // a short word is soon another one
    if (distance <= limit && (near->best == NULL || distance < near->distance)) {
        near->best = candidate;
        near->distance = distance;
    }
}

const char *near_miss_text(struct build *build, const struct near_miss *near)
{
    if (near->best == NULL) {
        return "";
    }
    return (const char *)arena_format(&build->scratch, ", did you mean '%s'?", near->best).ptr;
}
