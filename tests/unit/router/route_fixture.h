#pragma once
// What the router's tests share: a configuration of four shards with a table of every kind, words
// that stand for keys of known shards, and a plan as one line of text.
//
//     {b1} an integer key on s1        {c1} another, of another bucket
//     {i1} an id with {b1}'s bucket    {j1} one with {c1}'s
//     {t1} a string key on s1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/error_table.h"
#include "router/plan.h"
#include "router/sharding.h"

#define FIXTURE_NOW (ORDER_ID_EPOCH_MS + 200000000000ull)

enum { FIXTURE_SHARDS = 4 };

struct fixture {
    struct config *config;
    struct arena arena;
    uint64_t keys[FIXTURE_SHARDS][2];
    uint64_t ids[FIXTURE_SHARDS][2];
    uint64_t tokens[FIXTURE_SHARDS]; // 't' and this number
    uint16_t sequence[BUCKET_COUNT];
    struct order_id_source ids_source;
    struct id_grant grants[FIXTURE_SHARDS];
    struct route_request request; // what a case may change
    unsigned failures;
};

static const char fixture_servers[] =
    "[waybill]\ndefault_shard = s1\n"
    "[server a]\naddress = 127.0.0.1:3301\n[server b]\naddress = 127.0.0.1:3302\n"
    "[server c]\naddress = 127.0.0.1:3303\n[server d]\naddress = 127.0.0.1:3304\n"
    "[shard s1]\nservers = a\nbuckets = 0-1023\n[shard s2]\nservers = b\nbuckets = 1024-2047\n"
    "[shard s3]\nservers = c\nbuckets = 2048-3071\n[shard s4]\nservers = d\nbuckets = 3072-4095\n"
    "[user app]\npassword = x\n";

static const char fixture_single[] = "[server a]\naddress = 127.0.0.1:3301\n"
                                     "[shard s1]\nservers = a\nbuckets = 0-4095\n"
                                     "[user app]\npassword = x\n";

static const char fixture_bucket_tables[] =
    "[table shop.orders]\nkey = buyer_id\nid = id\n"
    "[table shop.items]\nwith = shop.orders\nid = order_id\n"
    "[table shop.payments]\nwith = shop.orders\nkey = buyer_id\nid = order_id\n"
    "[table shop.users]\nwith = shop.orders\nkey = user_id\n"
    "[table shop.carts]\nkey = buyer_id\n"
    "[table shop.sbtest1]\nkey = id\n"
    "[table shop.bills]\nkey = token\nkey_type = string\nid = order_id\n"
    "[table shop.sessions]\nkey = token\nkey_type = string\n"
    "[table shop.files]\nkey = hash\nkey_type = binary\n"
    "[table shop.countries]\ntype = reference\n";

static const char fixture_other_tables[] =
    "[table shop.logs]\nmethod = date\nkey = at\n"
    "ranges = 2023-01..2023-12:s1, 2024-01..2024-06:s2, 2024-07..2024-12:s3\n"
    "[table shop.numbers]\nmethod = range\nkey = n\nranges = 0..999:s1, 1000..1999:s2, 2000..:s3\n"
    "[table shop.regions]\nmethod = list\nkey = region\nkey_type = string\n"
    "lists = cn hk:s1, us:s2\n"
    "[table shop.stock]\nmethod = modulo\nkey = product_id\nshards = s1, s2, s3\n"
    "[table shop.flags]\ntype = unsharded\nshard = s3\n";

static inline struct config *fixture_read(const char *servers, const char *tables, const char *more)
{
    struct text errors;
    struct text text;
    text_init(&errors);
    text_init(&text);
    text_add_string(&text, servers);
    text_add_string(&text, tables);
    text_add_string(&text, more);
    struct config *config = config_read_text(text_slice(&text), "t.ini", NULL, &errors);
    if (config == NULL) {
        fail_msg("%.*s", (int)errors.len, (const char *)errors.ptr);
    }
    text_done(&text);
    text_done(&errors);
    return config;
}

static inline uint16_t fixture_shard(uint16_t bucket)
{
    return bucket / 1024;
}

static inline void fixture_find_keys(struct fixture *fixture)
{
    unsigned found[FIXTURE_SHARDS] = {0};
    for (uint64_t key = 1; key < 1000; key++) {
        char text[32];
        snprintf(text, sizeof text, "%llu", (unsigned long long)key);
        uint16_t bucket = bucket_of_key(slice_of_string(text));
        uint16_t shard = fixture_shard(bucket);
        if (found[shard] < 2) {
            fixture->ids[shard][found[shard]] = 7ull << 40 | (uint64_t)bucket << 10 | key % 16;
            fixture->keys[shard][found[shard]++] = key;
        }
        snprintf(text, sizeof text, "t%llu", (unsigned long long)key);
        fixture->tokens[fixture_shard(bucket_of_key(slice_of_string(text)))] = key;
    }
}

static inline void fixture_init_with(struct fixture *fixture, struct config *config)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->config = config;
    arena_init(&fixture->arena, NULL);
    fixture_find_keys(fixture);
    fixture->ids_source = (struct order_id_source){.worker_count = 1};
    fixture->ids_source.sequence = fixture->sequence;
    fixture->ids_source.grants = fixture->grants;
    for (size_t i = 0; i < FIXTURE_SHARDS; i++) {
        fixture->grants[i] = (struct id_grant){.upto_ms = ORDER_ID_END_MS};
    }
}

static inline void fixture_done(struct fixture *fixture)
{
    arena_clear(&fixture->arena);
    config_free(fixture->config);
    assert_int_equal(fixture->failures, 0);
}

// The request of every case: a text statement in schema shop.
static inline void fixture_reset(struct fixture *fixture)
{
    arena_clear(&fixture->arena);
    memset(fixture->sequence, 0, sizeof fixture->sequence);
    fixture->ids_source.last_ms = 0;
    fixture->request = (struct route_request){
        .config = fixture->config,
        .database = slice_of_string("shop"),
        .is_strict = true,
        .last_shard = NO_SHARD,
        .ids = &fixture->ids_source,
        .now_ms = FIXTURE_NOW,
    };
}

static inline bool fixture_word(const struct fixture *fixture, const char *word, struct text *out)
{
    if (word[0] != '{' || word[1] == 0 || word[2] == 0 || word[3] != '}') {
        return false;
    }
    unsigned shard = (unsigned)(word[2] - '1');
    if (shard >= FIXTURE_SHARDS) {
        return false;
    }
    switch (word[1]) {
    case 'b':
    case 'c':
        text_add_format(out, "%llu", (unsigned long long)fixture->keys[shard][word[1] - 'b']);
        return true;
    case 'i':
    case 'j':
        text_add_format(out, "%llu", (unsigned long long)fixture->ids[shard][word[1] - 'i']);
        return true;
    case 't':
        text_add_format(out, "t%llu", (unsigned long long)fixture->tokens[shard]);
        return true;
    default:
        return false;
    }
}

// The text with its words replaced; in the fixture's arena.
static inline struct slice fixture_text(struct fixture *fixture, const char *template)
{
    struct text out;
    text_init(&out);
    while (*template != 0) {
        if (fixture_word(fixture, template, &out)) {
            template += 4;
        } else {
            text_add(&out, template ++, 1);
        }
    }
    struct slice copy = arena_format(&fixture->arena, "%.*s", (int)out.len, (const char *)out.ptr);
    text_done(&out);
    return copy;
}

static inline struct statement *fixture_parse(struct fixture *fixture, struct slice sql)
{
    struct parse_options options = {.is_mariadb = true, .server_version = 101119};
    struct statement *statement = NULL;
    assert_int_equal(parse_statement(&fixture->arena, sql, &options, &statement), PARSE_OK);
    return statement;
}

// The plan as text, its lines joined by " | ", or "9001 sentence".
static inline const char *fixture_plan(struct fixture *fixture, const char *sql)
{
    struct plan *plan = NULL;
    struct error error;
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    if (!plan_make(&fixture->arena, &fixture->request, &plan, &error)) {
        return (const char *)arena_format(&fixture->arena, "%u %s", error.code, error.text).ptr;
    }
    struct slice text = plan_explain(&fixture->arena, plan, fixture->config);
    struct text out;
    text_init(&out);
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '\n') {
            text_add_string(&out, " | ");
        } else {
            text_add(&out, &text.ptr[i], 1);
        }
    }
    const char *line =
        (const char *)arena_format(&fixture->arena, "%.*s", (int)out.len, (const char *)out.ptr)
            .ptr;
    text_done(&out);
    return line;
}

// Expects the whole plan, or of an error the number and a part of its sentence ("9001 GROUP BY").
static inline void fixture_expect(struct fixture *fixture, const char *sql, const char *expected)
{
    const char *wanted = (const char *)fixture_text(fixture, expected).ptr;
    const char *got = fixture_plan(fixture, sql);
    bool is_same = strcmp(got, wanted) == 0;
    if (wanted[0] >= '1' && wanted[0] <= '9') {
        const char *part = wanted[4] == ' ' ? wanted + 5 : "";
        is_same = strncmp(got, wanted, 4) == 0 && strstr(got, part) != NULL;
    }
    if (!is_same) {
        fixture->failures++;
        print_error("%s\n   gives    %s\n   expected %s\n",
                    (const char *)fixture_text(fixture, sql).ptr, got, wanted);
    }
}
