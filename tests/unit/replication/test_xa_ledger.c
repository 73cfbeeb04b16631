// Every order of a branch's verbs, held by the engine or not: what a crash has left of it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "replication/xa_ledger.h"

static void note(struct xa_ledger *ledger, enum group_kind kind, const char *gtrid, uint32_t format)
{
    struct binlog_group group = {.kind = kind, .xid.format = format};
    snprintf(group.xid.gtrid, sizeof group.xid.gtrid, "%s", gtrid);
    snprintf(group.xid.bqual, sizeof group.xid.bqual, "s1a.5");
    xa_ledger_note(ledger, &group);
}

static const enum group_kind kinds[] = {
    ['P'] = GROUP_PREPARE, ['C'] = GROUP_COMMIT, ['R'] = GROUP_ROLLBACK, ['.'] = GROUP_ROWS};

// `verbs`: the log. 'b': behind, 'l': lost, '-': neither, '0': not in the ledger at the end.
static void check(const char *verbs, bool is_held, char expected)
{
    struct xa_ledger ledger = {.count = 0};
    if (is_held) {
        xa_ledger_hold(&ledger, "wb:1:2:3:s1", "s1a.5");
    }
    for (const char *verb = verbs; *verb != '\0'; verb++) {
        note(&ledger, kinds[(unsigned char)*verb], "wb:1:2:3:s1", 22338);
    }
    const struct xa_branch *branch = ledger.count > 0 ? &ledger.branches[0] : NULL;
    char found = branch == NULL ? '0' : xa_is_behind(branch) ? 'b' : xa_is_lost(branch) ? 'l' : '-';
    assert_int_equal(found, expected);
    assert_true(ledger.count <= 1);
    xa_ledger_done(&ledger);
}

static void tells_what_a_crash_left(void **state)
{
    (void)state;
    check("", true, '-'); // prepared long ago
    check("P", true, '-');
    check("P", false, 'l');
    check("PC", true, 'b');
    check("C", true, 'b');
    check("PR", true, 'b');
    check("PC", false, '0');
    check("PR", false, '0');
    check("C", false, '0');
    check("..", false, '0');
    check("P.", false, 'l');
}

static void keeps_branches_apart(void **state)
{
    (void)state;
    struct xa_ledger ledger = {.count = 0};
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "wb:%d", i);
        note(&ledger, GROUP_PREPARE, name, 22338);
        note(&ledger, GROUP_PREPARE, name, 1); // of somebody else
    }
    assert_int_equal(ledger.count, 100);
    for (int i = 0; i < 100; i += 2) {
        snprintf(name, sizeof name, "wb:%d", i);
        note(&ledger, i % 4 == 0 ? GROUP_COMMIT : GROUP_ROLLBACK, name, 22338);
    }
    assert_int_equal(ledger.count, 50);
    for (size_t i = 0; i < ledger.count; i++) {
        int number = 0;
        assert_int_equal(sscanf(ledger.branches[i].gtrid, "wb:%d", &number), 1);
        assert_int_equal(number % 2, 1);
    }
    xa_ledger_done(&ledger);
}

static void prints_names(void **state)
{
    (void)state;
    char text[XA_NAME_SQL_BYTES], longest[XID_PART_BYTES];
    xa_print_name("wb:1", "a'\\", text);
    assert_string_equal(text, "X'77623a31',X'61275c',22338");
    memset(longest, 'z', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    xa_print_name(longest, longest, text);
    assert_int_equal(strlen(text), 2 * 128 + strlen("X'',X'',22338"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_a_crash_left),
        cmocka_unit_test(keeps_branches_apart),
        cmocka_unit_test(prints_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
