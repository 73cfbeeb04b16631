// An event:
//
//     timestamp(4) type(1) server(4) length(4) end_position(4) flags(2)   body
//
// and those that tell what a group is:
//
//     GTID        sequence(8) domain(4) flags(1) [commit id(8)] [XA: format(4) gtrid_length(1)
//                 bqual_length(1) gtrid bqual] ...
//     Query       thread(4) time(4) schema_length(1) error(2) variables_length(2) variables schema
//                 NUL statement
//
// A transaction ends with XID or the statement COMMIT, a branch that is prepared with XA_PREPARE,
// all others are one statement.

#include "protocol/binlog_event.h"

#include "protocol/bytes.h"

enum gtid_flags {
    FLAG_STANDALONE = 0x01,
    FLAG_GROUP_COMMIT = 0x02,
    FLAG_PREPARED_XA = 0x40,
    FLAG_COMPLETED_XA = 0x80,
};

bool binlog_xid_is_same(const struct binlog_xid *a, const struct binlog_xid *b)
{
    return strcmp(a->gtrid, b->gtrid) == 0 && strcmp(a->bqual, b->bqual) == 0;
}

bool binlog_event_read(struct slice bytes, struct binlog_event *event)
{
    struct reader reader = reader_of(bytes);
    *event = (struct binlog_event){.whole = bytes};
    (void)read_u32(&reader); // timestamp
    event->type = read_u8(&reader);
    event->server = read_u32(&reader);
    uint32_t length = read_u32(&reader);
    (void)read_u32(&reader); // end position
    (void)read_u16(&reader); // flags
    event->body = read_rest(&reader);
    return !reader.is_bad && length == bytes.len;
}

bool binlog_query_read(const struct binlog_event *event, struct slice *statement)
{
    struct reader reader = reader_of(event->body);
    (void)read_u32(&reader); // thread
    (void)read_u32(&reader); // time
    size_t schema_len = read_u8(&reader);
    (void)read_u16(&reader); // error
    size_t variables_len = read_u16(&reader);
    (void)read_bytes(&reader, variables_len);
    (void)read_bytes(&reader, schema_len + 1);
    *statement = read_rest(&reader);
    return !reader.is_bad;
}

static bool begins_with(struct slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && slice_equal(slice_part(text, 0, len), slice_of_string(word));
}

// ---- groups

static void read_xid(struct reader *reader, struct binlog_xid *xid)
{
    xid->format = read_u32(reader);
    size_t gtrid_len = read_u8(reader);
    size_t bqual_len = read_u8(reader);
    struct slice gtrid = read_bytes(reader, gtrid_len);
    struct slice bqual = read_bytes(reader, bqual_len);
    if (reader->is_bad || gtrid_len >= XID_PART_BYTES || bqual_len >= XID_PART_BYTES) {
        reader->is_bad = true;
        return;
    }
    memcpy(xid->gtrid, gtrid.ptr, gtrid_len);
    memcpy(xid->bqual, bqual.ptr, bqual_len);
}

static enum group_news begin(struct binlog_group *group, const struct binlog_event *event)
{
    struct reader reader = reader_of(event->body);
    *group = (struct binlog_group){.is_begun = true, .server = event->server};
    group->sequence = read_u64(&reader);
    group->domain = read_u32(&reader);
    uint8_t flags = read_u8(&reader);
    if ((flags & FLAG_GROUP_COMMIT) != 0) {
        (void)read_u64(&reader);
    }
    if ((flags & (FLAG_PREPARED_XA | FLAG_COMPLETED_XA)) != 0) {
        group->kind = (flags & FLAG_PREPARED_XA) != 0 ? GROUP_PREPARE : GROUP_COMMIT;
        read_xid(&reader, &group->xid);
    } else {
        group->kind = (flags & FLAG_STANDALONE) != 0 ? GROUP_ALONE : GROUP_ROWS;
    }
    return reader.is_bad ? GROUP_BROKEN : GROUP_INSIDE;
}

static enum group_news take_query(struct binlog_group *group, const struct binlog_event *event)
{
    struct slice statement;
    if (!binlog_query_read(event, &statement)) {
        return GROUP_BROKEN;
    }
    switch (group->kind) {
    case GROUP_ALONE:
        return GROUP_COMPLETE;
    case GROUP_COMMIT:
    case GROUP_ROLLBACK:
        if (!begins_with(statement, "XA COMMIT ") && !begins_with(statement, "XA ROLLBACK ")) {
            return GROUP_BROKEN;
        }
        group->kind = begins_with(statement, "XA COMMIT ") ? GROUP_COMMIT : GROUP_ROLLBACK;
        return GROUP_COMPLETE;
    case GROUP_ROWS:
        if (slice_is_nocase(statement, "COMMIT") || slice_is_nocase(statement, "ROLLBACK")) {
            return GROUP_COMPLETE;
        }
        break;
    case GROUP_PREPARE:
        break;
    }
    bool is_frame = begins_with(statement, "XA END ") || begins_with(statement, "SAVEPOINT ") ||
                    slice_is_nocase(statement, "BEGIN");
    group->has_statements |= !is_frame;
    return GROUP_INSIDE;
}

enum group_news binlog_group_take(struct binlog_group *group, const struct binlog_event *event)
{
    if (event->type == BINLOG_GTID) {
        return begin(group, event);
    }
    if (!group->is_begun) {
        return GROUP_OUTSIDE;
    }
    enum group_news news = GROUP_INSIDE;
    switch (event->type) {
    case BINLOG_ROTATE:
    case BINLOG_FORMAT:
    case BINLOG_HEARTBEAT:
    case BINLOG_CHECKPOINT:
    case BINLOG_GTID_LIST:
    case BINLOG_START_ENCRYPTION:
        return GROUP_OUTSIDE;
    case BINLOG_QUERY:
        news = take_query(group, event);
        break;
    case BINLOG_XID:
    case BINLOG_XA_PREPARE:
        news = GROUP_COMPLETE;
        break;
    case BINLOG_TABLE_MAP:
    case BINLOG_WRITE_ROWS:
    case BINLOG_UPDATE_ROWS:
    case BINLOG_DELETE_ROWS:
    case BINLOG_ANNOTATE_ROWS:
        break;
    default:
        group->has_statements = true;
        break;
    }
    group->is_begun = news != GROUP_COMPLETE;
    return news;
}
