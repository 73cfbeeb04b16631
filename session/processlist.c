// A line is what a server would say of the session: Command by what it runs, Time since it does so,
// State in waybill's words, Info with the beginning of the statement. Texts come in the character
// set of the one who sent them; where the asker has another one, what is not ASCII is shown as '?'.

#include "session/processlist.h"

#include "base/network.h"
#include "protocol/bytes.h"
#include "protocol/charset.h"
#include "session/errand.h"

enum {
    INFO_BYTES = 100,
    FULL_BYTES = 65535,
    LIST_BYTES_MAX = 8 << 20, // beyond it only INFO_BYTES of each statement
};

static const char *command_name(const struct session *session)
{
    if (session->stage == SESSION_LOGIN) {
        return "Connect";
    }
    if (session->request == NULL) {
        return "Sleep";
    }
    switch (session->request->command) {
    case COM_STMT_EXECUTE:
        return "Execute";
    case COM_STMT_PREPARE:
        return "Prepare";
    case COM_STMT_FETCH:
        return "Fetch";
    case COM_INIT_DB:
        return "Init DB";
    case COM_FIELD_LIST:
        return "Field List";
    case COM_PROCESS_INFO:
        return "Processlist";
    case COM_PROCESS_KILL:
        return "Kill";
    case COM_CHANGE_USER:
        return "Change user";
    default:
        return "Query";
    }
}

static bool is_utf8(const struct charset *charset)
{
    return charset == NULL || strncmp(charset->name, "utf8", 4) == 0;
}

static void add_text(struct text *list, struct slice text, bool is_same_charset)
{
    size_t place = list->len;
    write_u8(list, text.ptr != NULL);
    write_lenenc_bytes(list, text);
    for (size_t i = place + 1; i < list->len && !is_same_charset; i++) {
        bool is_text = i >= list->len - text.len;
        if (is_text && list->ptr[i] >= 0x80) {
            list->ptr[i] = '?';
        }
    }
}

static struct slice host_of(const struct session *session, char text[ADDRESS_TEXT_BYTES])
{
    if (session->peer.at.any.sa_family == AF_UNIX) {
        return slice_of_string("localhost");
    }
    address_print(&session->peer, text);
    return slice_of_string(text);
}

// Where there is one server: its connection that runs the session's command. 0: none does.
static uint32_t thread_of(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_RUNNING && config_is_one_server(session_config(session))) {
            return backend_connection_id(leg->backend);
        }
    }
    return 0;
}

static void add_session(const struct session *session, const struct errand *errand,
                        struct text *list)
{
    char host[ADDRESS_TEXT_BYTES], state[32];
    const struct user_config *user = session_user(session);
    const struct statement *statement =
        session->request != NULL ? session->request->statement : NULL;
    uint64_t for_us = session_now_us(session) - session->since_us;
    struct slice info = statement != NULL ? statement->text : slice_of(NULL, 0);
    struct slice database = text_slice(&session->carried.database);
    bool is_full = errand->is_full && list->len < LIST_BYTES_MAX;
    size_t max = is_full ? FULL_BYTES : INFO_BYTES;
    bool is_same = session->charset == errand->charset ||
                   (is_utf8(session->charset) && is_utf8(errand->charset));
    info.len = info.len < max ? info.len : max;
    write_u32(list, session->id);
    write_u32(list, thread_of(session));
    write_u64(list, for_us);
    add_text(list, slice_of_string(user != NULL ? user->name : "unauthenticated user"),
             is_utf8(errand->charset));
    add_text(list, host_of(session, host), true);
    add_text(list, database.len > 0 ? database : slice_of(NULL, 0), is_same);
    add_text(list, slice_of_string(command_name(session)), true);
    session_print_state(session, state, sizeof state);
    add_text(list, slice_of_string(session->stage == SESSION_IDLE ? "" : state), true);
    add_text(list, info, is_same);
}

void processlist_write(const struct sessions *sessions, const struct errand *errand,
                       struct text *list)
{
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        LIST_FOR_EACH (&sessions->stages[stage], node) {
            const struct session *session = CONTAINER_OF(node, struct session, node);
            if (errand_is_allowed(errand, session_user(session))) {
                add_session(session, errand, list);
            }
        }
    }
}

static struct slice next_text(struct reader *reader)
{
    bool has_text = read_u8(reader) != 0;
    struct slice text = read_lenenc_bytes(reader);
    return has_text ? text : slice_of(NULL, 0);
}

bool processlist_read(struct slice *list, struct process *process)
{
    struct reader reader = reader_of(*list);
    if (list->len == 0) {
        return false;
    }
    process->id = read_u32(&reader);
    process->thread = read_u32(&reader);
    process->for_us = read_u64(&reader);
    process->user = next_text(&reader);
    process->host = next_text(&reader);
    process->database = next_text(&reader);
    process->command = next_text(&reader);
    process->state = next_text(&reader);
    process->info = next_text(&reader);
    *list = read_rest(&reader);
    return !reader.is_bad;
}
