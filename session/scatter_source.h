#pragma once
// One source of a scattered statement: a leg's answer as whole packets, kept only as long as the
// merge needs them.

#include "base/arena.h"
#include "protocol/answer.h"
#include "protocol/column.h"
#include "protocol/reply.h"
#include "session/gather.h"
#include "session/warning_list.h"

struct leg;

enum source_at {       // what stands at the front
    SOURCE_AT_NOTHING, // more bytes are needed
    SOURCE_AT_ROW,     // source->row; until source_take
    SOURCE_AT_END,     // its rows are over
    SOURCE_AT_OK,      // it answered OK: source->ok
    SOURCE_AT_ERROR,   // its ERR, or it isn't readable: source->error
};

struct scatter_source {
    struct leg *leg;        // session's; NULL: settled
    const char *shard;      // name; in the arena
    struct arena *arena;    // borrowed: the statement's
    enum source_at at;      // what was found last
    struct slice row;       // AT_ROW: borrowed from bytes or joined
    bool is_fed;            // the merge has its row, or its end
    bool is_paused;         // the leg is not read
    bool has_columns;       // all of them
    struct text bytes;      // owned; framed, from `used` on not yet used up
    size_t used;            //
    size_t front_bytes;     // AT_ROW: of the row's packets
    struct text joined;     // owned; a row that came in several packets
    struct answer answer;   // the grammar of it
    struct column *columns; // in the arena
    uint32_t column_count;  // told
    uint32_t columns_have;  // read
    struct ok_packet ok;    // message in the arena
    struct error error;
    uint64_t dropped_bytes; // rows that nobody wanted
    // What SHOW WARNINGS has to say of it, asked as soon as its answer is whole.
    struct leg *teller;  // session's; NULL: nothing was asked, or it is settled
    struct gather told;  // the answer
    bool is_asked_found; // ... to a question for FOUND_ROWS(), which comes first
    bool wants_list;     // then for the warnings
    bool has_found;      // it is known:
    uint64_t found;
    struct warning_list *warnings; // owned; NULL: none, or not known
};

void source_start(struct scatter_source *source, struct arena *arena, const char *shard,
                  enum answer_kind kind, uint64_t capabilities);
void source_stop(struct scatter_source *source); // gives back what isn't in the arena
// More bytes of the answer (copied). The row at the front may move: see source->row.
void source_add(struct scatter_source *source, const uint8_t *bytes, size_t len);
// Reads packets up to a row, an end, or the end of the bytes.
enum source_at source_look(struct scatter_source *source);
void source_take(struct scatter_source *source); // the row is no longer needed
// Of an answer that isn't shown (MERGE_FIRST): only its end matters.
void source_skip_rows(struct scatter_source *source);
// Bytes that wait behind the present row.
size_t source_waiting_bytes(const struct scatter_source *source);
// Its rows are no longer wanted and nothing more will come: counts as ended.
void source_cut(struct scatter_source *source);
void source_fail(struct scatter_source *source, const struct error *error);
