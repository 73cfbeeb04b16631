// KILL between waybills, on the control thread's side: a job for each request that goes out, one
// job for all that come in.
//
//     monitor_send_kill --> kill_asker --LETTER_ANSWER--> host->on_kill_answer
//     probe: there are requests --> kill_answerer --LETTER_ORDER--> host->on_kill_order
//                                        `<-- kill_answerer_tell <-- monitor_answer_kill

#include "replication/monitor_impl.h"

#include "base/memory.h"
#include "protocol/error_table.h"

enum { WAIT_MS = 2000 }; // and a round of the other's probe

static void on_letter(struct message *message, void *receiver);

// NO_SERVER: the default shard has no primary.
static uint16_t fill_setup(struct monitor *monitor, struct kill_mail_setup *setup)
{
    const struct config *config = monitor_config(monitor);
    uint16_t primary = monitor->shards[config->default_shard].primary;
    if (primary != NO_SERVER) {
        *setup = (struct kill_mail_setup){
            .endpoint = monitor->servers[primary].setup.endpoint,
            .proxy = (uint32_t)config->settings.proxy_id,
            .run = monitor->run,
            .mailbox = monitor->mailbox,
            .deliver = on_letter,
        };
    }
    return primary;
}

// ---- out

static void refuse(struct monitor *monitor, uint64_t number, const char *why)
{
    struct kill_letter *letter = memory_new(sizeof *letter);
    letter->message.deliver = on_letter;
    letter->kind = LETTER_ANSWER;
    letter->number = number;
    letter->answer.outcome = KILL_FAILED;
    error_fill(&letter->answer.error, ER_UNKNOWN, why);
    mailbox_post(monitor->mailbox, &letter->message);
}

void monitor_send_kill(struct monitor *monitor, uint64_t number, const struct kill_order *order)
{
    struct kill_mail_setup setup;
    uint32_t slot = 0;
    while (slot < KILL_SLOTS && monitor->kills.askers[slot] != NULL) {
        slot++;
    }
    if (fill_setup(monitor, &setup) == NO_SERVER) {
        refuse(monitor, number,
               "KILL of another waybill's client goes by way of the default shard's primary, and "
               "there is none now: try again, or KILL it there");
    } else if (slot == KILL_SLOTS) {
        refuse(monitor, number, "too many KILLs of other waybills' clients at one time: try again");
    } else {
        uint32_t round_ms = (uint32_t)monitor_config(monitor)->settings.probe_ms;
        monitor->kills.numbers[slot] = number;
        monitor->kills.askers[slot] =
            kill_asker_start(&setup, order, number, slot, WAIT_MS + round_ms);
    }
}

static void end_asker(struct monitor *monitor, uint64_t number)
{
    for (uint32_t i = 0; i < KILL_SLOTS; i++) {
        if (monitor->kills.askers[i] != NULL && monitor->kills.numbers[i] == number) {
            kill_asker_join(monitor->kills.askers[i]);
            monitor->kills.askers[i] = NULL;
        }
    }
}

// ---- in

void monitor_look_for_kills(struct monitor *monitor, uint32_t waiting)
{
    struct kill_mail_setup setup;
    if (waiting > 0 && monitor->kills.answerer == NULL &&
        fill_setup(monitor, &setup) != NO_SERVER) {
        monitor->kills.answerer = kill_answerer_start(&setup);
    }
}

void monitor_answer_kill(struct monitor *monitor, uint64_t number, enum kill_outcome outcome)
{
    if (monitor->kills.answerer != NULL) {
        kill_answerer_tell(monitor->kills.answerer, number, outcome);
    }
}

// ---- both

static void on_letter(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    const struct monitor_host *host = monitor->host;
    struct kill_letter *letter = CONTAINER_OF(message, struct kill_letter, message);
    if (monitor->is_stopping) {
        memory_free(letter);
        return;
    }
    switch (letter->kind) {
    case LETTER_ANSWER:
        end_asker(monitor, letter->number);
        host->on_kill_answer(host->owner, letter->number, &letter->answer);
        break;
    case LETTER_ORDER:
        host->on_kill_order(host->owner, letter->number, &letter->order);
        break;
    case LETTER_END:
        kill_answerer_join(monitor->kills.answerer);
        monitor->kills.answerer = NULL;
        break;
    }
    memory_free(letter);
}

void monitor_stop_kills(struct monitor *monitor)
{
    for (uint32_t i = 0; i < KILL_SLOTS; i++) {
        if (monitor->kills.askers[i] != NULL) {
            kill_asker_join(monitor->kills.askers[i]);
        }
    }
    if (monitor->kills.answerer != NULL) {
        kill_answerer_join(monitor->kills.answerer);
    }
}
