#pragma once
// What the files of LOAD DATA LOCAL share: flow_infile.c (the machine), infile_answer.c (what the
// client gets in the end), infile_split.c (rows to shards).

#include "protocol/packet.h"
#include "session/flow_infile.h"
#include "session/gather.h"

enum infile_state {
    INFILE_ASKING,
    INFILE_TAKING,
    INFILE_SKIPPING,
    INFILE_STARTING,
    INFILE_ENDING,
};

// One shard's part.
struct infile_part {
    struct leg *leg; // NULL when it is settled
    uint16_t shard;
    bool has_asked; // for the file
    bool is_full;   // on_fed is awaited
    bool is_done;   // with `ok` or `error`
    bool is_error;
    struct text waiting;  // owned; a split's rows until they can be fed
    struct gather gather; // of its answer
    struct answer last;
    struct ok_packet ok;
    struct error error;
};

struct infile_split;

struct infile_ids { // row ids for the rows that come
    uint64_t next, end;
    bool is_awaited; // more are being reserved, and the client is not read
};

struct infile {
    struct flow flow; // first
    enum infile_state state;
    struct infile_part *parts; // a split's begin with their first row
    uint32_t part_count;
    struct infile_split *split; // NULL: every part gets the whole file
    struct infile_ids ids;
    bool is_to_many;  // maybe to several shards: its transaction ends with it
    bool is_atomic;   // ... on all of them
    bool wants_point; // ... or it is undone in that which is open
    bool is_ended;
    bool asks_id; // of the only server, what LAST_INSERT_ID() is then
    bool is_asking_id;
    uint16_t untold;    // committed, and so many shards could not be told
    bool has_failed;    // STARTING: with `error`
    struct error error; // SKIPPING and STARTING: what the client gets in the end
    // The client's packets.
    uint8_t next_sequence;
    uint8_t header_have;
    uint8_t header[PACKET_HEADER_BYTES];
    uint32_t left;     // of the present packet's payload
    bool is_continued; // the packet before was 0xffffff long: this one belongs to it
};

// ---- infile_answer.c

// All parts are done, and the client has nothing more to say: the flow is gone afterwards.
void infile_finish(struct infile *infile);
// The answer to what was asked after that: the insert id.
void infile_note_id(struct infile *infile, const uint8_t *bytes, size_t len,
                    const struct answer *last);

// ---- infile_row_ids.c

// Are there ids for all rows that may be in these bytes? False: they are asked for, and the bytes
// wait.
bool infile_ids_ready(struct infile *infile, struct slice bytes) MUST_CHECK;
bool infile_take_id(struct infile *infile, uint64_t *id, struct error *error) MUST_CHECK;

// ---- infile_split.c

void split_start(struct infile *infile);
void split_stop(struct infile *infile); // frees what it owns; may be called twice
// The file's next bytes, or with is_last its end: the rows that are whole are queued for their
// parts, which are started when they are new. False with *error: the file can't be loaded.
bool split_take(struct infile *infile, struct slice bytes, bool is_last,
                struct error *error) MUST_CHECK;
// What waits for the part goes to its server, if that has asked; with is_end nothing comes behind
// it. True: it is not to be fed more now.
bool split_feed(struct infile_part *part, bool is_end);
// Before the parts' ends: what the statement leaves in its servers' sessions.
void split_note_end(struct infile *infile);
