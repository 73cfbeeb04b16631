// The client's commands. A row says everything about one: what runs, and whether its bytes must
// outlive the event (then they are copied from the worker's scratch into the session's arena: the
// one copy that a relayed query costs).

#include "session/command.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "router/sharding.h"
#include "session/aftermath.h"
#include "session/bulk.h"
#include "session/client_login.h"
#include "session/command_admin.h"
#include "session/cursor.h"
#include "session/flow_kill.h"
#include "session/flow_prepare.h"
#include "session/flow_processlist.h"
#include "session/prepared.h"
#include "session/flow_single.h"
#include "session/query.h"
#include "session/transaction.h"
#include "session/variables.h"

struct command {
    uint8_t code; // enum com
    bool is_kept; // its bytes are needed after the event
    void (*run)(struct session *session, struct request *request);
};

void command_ok(struct session *session)
{
    aftermath_note_ok(session);
    session_write_ok(session, &(struct ok_packet){0});
    request_finish(session);
}

void command_error(struct session *session, const struct error *error)
{
    aftermath_note_error(session, error);
    session_write_error(session, error);
    request_finish(session);
}

void command_refuse(struct session *session, const char *what)
{
    struct error error;
    error_fill(&error, ER_NOT_SUPPORTED_YET, what);
    counter_add(&session->sessions->counters.queries_refused, 1);
    command_error(session, &error);
}

uint32_t command_number(const struct request *request, size_t bytes)
{
    uint32_t number = 0;
    for (size_t i = 0; i < bytes && i + 1 < request->payload.len; i++) {
        number |= (uint32_t)request->payload.ptr[1 + i] << (8 * i);
    }
    return number;
}

static void run_quit(struct session *session, struct request *request)
{
    (void)request;
    session_close(session);
}

static void run_ping(struct session *session, struct request *request)
{
    (void)request;
    command_ok(session);
}

// May one text hold several statements?
static void run_set_option(struct session *session, struct request *request)
{
    uint32_t option = command_number(request, 2);
    if (option > 1) {
        struct error error;
        error_fill(&error, ER_UNKNOWN_COM);
        command_error(session, &error);
        return;
    }
    if (option == 0) {
        session->capabilities |= CAP_MULTI_STATEMENTS;
    } else {
        session->capabilities &= ~CAP_MULTI_STATEMENTS;
    }
    session_write_rows_end(session, 0, 0);
    request_finish(session);
}

void session_reset(struct session *session)
{
    legs_release_all(session); // also the one to which it is bound: nothing of it is to stay
    transaction_abandon(session);
    prepared_clear(session);
    session->has_distributed = false;
    session->has_native_names = false;
    login_reset_carried(session);
}

static void run_reset_connection(struct session *session, struct request *request)
{
    (void)request;
    // As on the servers the database stays what it is.
    struct slice database = arena_copy(&session->arena, text_slice(&session->carried.database));
    session_reset(session);
    state_set_database(&session->carried, database);
    command_ok(session);
}

// The bound session's server, which may have a temporary table of that name, unless the table is
// certain to be elsewhere.
static uint16_t shard_of_columns(const struct session *session, struct slice name)
{
    const struct config *config = session_config(session);
    const struct table_config *table =
        config_find_table(config, text_slice(&session->carried.database), name);
    uint16_t shard = session->pin != NULL ? session->pin->shard : config->default_shard;
    struct shard_set has = sharding_all(config);
    if (table != NULL && table->type == TABLE_UNSHARDED) {
        return table->home;
    }
    if (table != NULL && table->type == TABLE_SHARDED) {
        has = sharding_of_table(config, table);
    }
    return shard_set_has(has, shard) || has.bits == 0 ? shard : shard_set_first(has);
}

// The columns of a table (argument: its name, a NUL, a pattern): all of its shards have the same.
static void run_field_list(struct session *session, struct request *request)
{
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    struct slice name = read_nul_string(&reader);
    struct leg_command command = {
        .shard = shard_of_columns(session, name),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_FIELDS,
        .packet = request->raw,
        .is_outside = true,
    };
    flow_single_relay(session, request, &command);
}

// clang-format off
static const struct command commands[] = {
    {COM_QUIT,                false, run_quit},
    {COM_INIT_DB,             true,  variables_init_db},
    {COM_QUERY,               true,  query_run_text},
    {COM_FIELD_LIST,          true,  run_field_list},
    {COM_REFRESH,             false, command_deny},
    {COM_SHUTDOWN,            false, command_deny},
    {COM_STATISTICS,          false, command_statistics},
    {COM_PROCESS_INFO,        true,  processlist_run_command},
    {COM_PROCESS_KILL,        false, kill_run_command},
    {COM_DEBUG,               false, command_deny},
    {COM_PING,                false, run_ping},
    {COM_CHANGE_USER,         true,  login_change_user},
    {COM_BINLOG_DUMP,         false, command_replication},
    {COM_REGISTER_SLAVE,      false, command_replication},
    {COM_BINLOG_DUMP_GTID,    false, command_replication},
    {COM_STMT_PREPARE,        true,  prepare_run},
    {COM_STMT_EXECUTE,        true,  prepare_execute},
    {COM_STMT_BULK_EXECUTE,   true,  bulk_execute},
    {COM_STMT_SEND_LONG_DATA, false, prepare_long_data},
    {COM_STMT_CLOSE,          false, prepare_close},
    {COM_STMT_RESET,          false, prepare_reset},
    {COM_STMT_FETCH,          false, cursor_fetch},
    {COM_SET_OPTION,          false, run_set_option},
    {COM_RESET_CONNECTION,    false, run_reset_connection},
};
// clang-format on

static const struct command *find_command(uint8_t code)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].code == code) {
            return &commands[i];
        }
    }
    return NULL;
}

void command_run(struct session *session, const struct packet_in *packet)
{
    uint8_t code = packet->payload_bytes > 0 ? packet->raw.ptr[PACKET_HEADER_BYTES] : COM_SLEEP;
    const struct command *command = find_command(code);
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    bool is_copied = command != NULL && command->is_kept && !packet->is_moved;
    request->session = session;
    request->command = code;
    request->sequence = packet->next_sequence;
    request->raw = is_copied ? arena_copy(&session->arena, packet->raw) : packet->raw;
    request->payload = packet_payload(&session->arena, request->raw, packet->payload_bytes);
    request->began_us = session_now_us(session);
    session->request = request;
    session->is_answer_begun = false;
    stream_begin_answer(&session->stream);
    session->queries++;
    if (command == NULL) {
        struct error error;
        error_fill(&error, ER_UNKNOWN_COM);
        command_error(session, &error);
        return;
    }
    command->run(session, request);
}
