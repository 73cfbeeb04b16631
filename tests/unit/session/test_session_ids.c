// Connection ids: whose they are, that they are found, that none is there twice.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "session/session_ids.h"
#include "session/session_impl.h"

enum { MANY = 1000 };

static void test_an_id_says_whose_it_is(void **state)
{
    (void)state;
    for (uint16_t worker = 0; worker < 3; worker++) {
        struct session_ids ids;
        struct session *sessions = memory_new(MANY * sizeof *sessions);
        session_ids_init(&ids, 41, worker, 3);
        for (int i = 0; i < MANY; i++) {
            session_ids_add(&ids, &sessions[i]);
            assert_int_equal(session_id_proxy(sessions[i].id), 41);
            assert_int_equal(session_id_worker(sessions[i].id, 3), worker);
        }
        for (int i = 0; i < MANY; i++) {
            assert_ptr_equal(session_ids_find(&ids, sessions[i].id), &sessions[i]);
        }
        for (int i = 0; i < MANY; i += 2) {
            session_ids_remove(&ids, &sessions[i]);
            assert_null(session_ids_find(&ids, sessions[i].id));
            assert_ptr_equal(session_ids_find(&ids, sessions[i + 1].id), &sessions[i + 1]);
        }
        for (int i = 1; i < MANY; i += 2) {
            session_ids_remove(&ids, &sessions[i]);
        }
        session_ids_done(&ids);
        memory_free(sessions);
    }
}

static void test_numbers_begin_anew_and_pass_over_those_in_use(void **state)
{
    (void)state;
    struct session_ids ids;
    struct session old[3] = {0}, last = {0}, next = {0};
    session_ids_init(&ids, 63, 1, 4);
    for (int i = 0; i < 3; i++) {
        session_ids_add(&ids, &old[i]);
    }
    assert_int_equal(old[0].id & SESSION_NUMBER_MAX, 2);
    session_ids_remove(&ids, &old[1]);
    ids.next = SESSION_NUMBER_MAX - 1; // of worker 1: (n - 1) % 4 == 1
    assert_int_equal(session_id_worker(ids.next, 4), 1);
    session_ids_add(&ids, &last);
    assert_int_equal(last.id & SESSION_NUMBER_MAX, SESSION_NUMBER_MAX - 1);
    session_ids_add(&ids, &next);
    assert_int_equal(next.id, old[1].id); // the first is in use, the second is free
    session_ids_remove(&ids, &next);
    session_ids_remove(&ids, &last);
    session_ids_remove(&ids, &old[0]);
    session_ids_remove(&ids, &old[2]);
    session_ids_done(&ids);
}

static void test_what_was_never_given_is_not_found(void **state)
{
    (void)state;
    struct session_ids ids;
    session_ids_init(&ids, 0, 0, 1);
    assert_null(session_ids_find(&ids, 0));
    assert_null(session_ids_find(&ids, 1));
    assert_null(session_ids_find(&ids, UINT32_MAX));
    session_ids_done(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_says_whose_it_is),
        cmocka_unit_test(test_numbers_begin_anew_and_pass_over_those_in_use),
        cmocka_unit_test(test_what_was_never_given_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
