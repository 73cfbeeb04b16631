// Isolation level and access mode that SET TRANSACTION gives to the next transaction.

#include "session/characteristics.h"

static const struct {
    const char *value; // the parser's
    const char *words;
} isolations[] = {
    {"READ-UNCOMMITTED", "READ UNCOMMITTED"},
    {"READ-COMMITTED", "READ COMMITTED"},
    {"REPEATABLE-READ", "REPEATABLE READ"},
    {"SERIALIZABLE", "SERIALIZABLE"},
};

static const char read_only[] = "READ ONLY", read_write[] = "READ WRITE";

void characteristics_note(struct characteristics *asked, const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        struct slice value = item->value->value;
        if (slice_is_nocase(item->name, "transaction access")) {
            asked->access = slice_is_nocase(value, "READ-ONLY") ? read_only : read_write;
            continue;
        }
        for (size_t i = 0; i < sizeof isolations / sizeof isolations[0]; i++) {
            if (slice_is_nocase(value, isolations[i].value)) {
                asked->isolation = isolations[i].words;
            }
        }
    }
}

void characteristics_forget(struct characteristics *asked, struct slice variable)
{
    static const char *const isolation[] = {"transaction isolation", "tx_isolation",
                                            "transaction_isolation"};
    static const char *const access[] = {"transaction access", "tx_read_only",
                                         "transaction_read_only"};
    for (size_t i = 0; i < sizeof isolation / sizeof isolation[0]; i++) {
        if (slice_is_nocase(variable, isolation[i])) {
            asked->isolation = NULL;
        } else if (slice_is_nocase(variable, access[i])) {
            asked->access = NULL;
        }
    }
}

void characteristics_print_sql(struct text *sql, const struct characteristics *asked)
{
    if (asked->isolation != NULL) {
        text_add_format(sql, "SET TRANSACTION ISOLATION LEVEL %s", asked->isolation);
    }
    if (asked->access != NULL) {
        text_add_format(sql, "%s%s", asked->isolation != NULL ? ", " : "SET TRANSACTION ",
                        asked->access);
    }
}

void characteristics_print(struct text *out, const struct transaction *transaction)
{
    const struct characteristics *asked = &transaction->asked;
    const char *access = transaction->access != NULL ? transaction->access : asked->access;
    if (asked->isolation != NULL) {
        text_add_format(out, "SET TRANSACTION ISOLATION LEVEL %s;", asked->isolation);
    }
    const char *blank = out->len > 0 ? " " : "";
    if (transaction->is_open) {
        text_add_format(out, "%sSTART TRANSACTION%s", blank,
                        transaction->is_snapshot ? " WITH CONSISTENT SNAPSHOT" : "");
        if (access != NULL) {
            text_add_format(out, "%s %s", transaction->is_snapshot ? "," : "", access);
        }
        text_add_string(out, ";");
    } else if (access != NULL) {
        text_add_format(out, "%sSET TRANSACTION %s;", blank, access);
    }
}

static bool is_on(const struct session_state *state, const char *name)
{
    struct slice value = state_find_variable(state, slice_of_string(name));
    return value.ptr != NULL && (slice_is_nocase(value, "1") || slice_is_nocase(value, "on") ||
                                 slice_is_nocase(value, "'on'") || slice_is_nocase(value, "true"));
}

bool characteristics_is_read_only(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    const char *access =
        transaction->access != NULL ? transaction->access : transaction->asked.access;
    if (access != NULL) {
        return strcmp(access, read_only) == 0;
    }
    return is_on(&session->carried, "tx_read_only") ||
           is_on(&session->carried, "transaction_read_only");
}
