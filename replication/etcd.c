// The words of etcd's v3 gateway that a lock needs (etcd.io, "API reference"; keys and values are
// base64, numbers are strings, what is false or zero is left out):
//
//     lease/grant      {TTL}                              -> ID, TTL (perhaps longer)
//     kv/txn           if the key was never created: put it with that lease   -> succeeded,
//     revision lease/keepalive  {ID}                               -> TTL; without one the lease is
//     over kv/txn           was the key created by that revision?                  -> succeeded
//     lease/revoke     {ID}                               the key goes with it
//
// The lease ends here before it ends there: its time is counted from before the request was sent,
// by a clock that goes on while the machine sleeps, and a fifth of it is left out, for a statement
// that was sent at the last moment. Who stands still longer finds the lease gone when it looks,
// before each statement (leader.c). A key that somebody removed by hand is not made again:
// leadership is lost.

#include "replication/etcd.h"

#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    CONNECT_MS = 500,
    ANSWER_MS = 1000,
    ANSWER_BYTES_MAX = 65536,
    KEY_BYTES = 700, // as base64
    US_PER_S = 1000000,
};

struct etcd {
    CURL *curl;              // owned
    struct etcd_place place; // its texts are borrowed
    struct text answer;
    long status;
    char problem[160]; // of the last request
};

struct etcd_lease {
    struct etcd etcd;
    char key[KEY_BYTES];
    uint64_t id, revision;
    uint64_t renewed_us, ends_us; // our own clock
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

// ---- a request

static size_t take_bytes(char *bytes, size_t size, size_t count, void *owner)
{
    struct etcd *etcd = owner;
    if (etcd->answer.len + size * count > ANSWER_BYTES_MAX) {
        return 0; // (the request fails)
    }
    text_add(&etcd->answer, bytes, size * count);
    return size * count;
}

static void set_file(struct etcd *etcd, CURLoption option, const char *path)
{
    if (path[0] != '\0') {
        curl_easy_setopt(etcd->curl, option, path); // (copied; a bad one fails the request)
    }
}

// libcurl verifies who signed the member's certificate and whom it names.
static void set_tls(struct etcd *etcd, const struct etcd_place *place)
{
    curl_easy_setopt(etcd->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set_file(etcd, CURLOPT_CAINFO, place->ca);
    set_file(etcd, CURLOPT_SSLCERT, place->cert);
    set_file(etcd, CURLOPT_SSLKEY, place->key[0] != '\0' ? place->key : place->cert);
}

static void open_etcd(struct etcd *etcd, const struct etcd_place *place)
{
    *etcd = (struct etcd){.curl = curl_easy_init(), .place = *place};
    text_init(&etcd->answer);
    if (etcd->curl == NULL) {
        return;
    }
    curl_easy_setopt(etcd->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(etcd->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(etcd->curl, CURLOPT_PROTOCOLS_STR, place->is_tls ? "https" : "http");
    curl_easy_setopt(etcd->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(etcd->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(etcd->curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(etcd->curl, CURLOPT_WRITEDATA, etcd);
    if (place->is_tls) {
        set_tls(etcd, place);
    }
}

// ---- an answer

// NULL: it is no JSON. json_decref in any case.
static json_t *read_answer(const struct etcd *etcd)
{
    return json_loadb((const char *)text_slice(&etcd->answer).ptr, etcd->answer.len,
                      JSON_DISABLE_EOF_CHECK, NULL);
}

// Of an object; a number in quotes. False: there is none.
static bool find_number(const json_t *object, const char *name, uint64_t *number)
{
    const char *digits = json_string_value(json_object_get(object, name));
    return digits != NULL && slice_to_uint64(slice_of_string(digits), number);
}

static void note_refusal(struct etcd *etcd, const char *member, int member_len)
{
    json_t *answer = read_answer(etcd);
    const char *message = json_string_value(json_object_get(answer, "message"));
    snprintf(etcd->problem, sizeof etcd->problem, "etcd %.*s: %ld %s", member_len, member,
             etcd->status, message != NULL ? message : "");
    json_decref(answer);
}

static void close_etcd(struct etcd *etcd)
{
    curl_easy_cleanup(etcd->curl);
    text_done(&etcd->answer);
}

static bool ask_member(struct etcd *etcd, const char *member, size_t member_len, const char *path,
                       const char *body)
{
    char url[400];
    snprintf(url, sizeof url, "%s://%.*s/v3/%s", etcd->place.is_tls ? "https" : "http",
             (int)member_len, member, path);
    etcd->answer.len = 0;
    etcd->status = 0;
    curl_easy_setopt(etcd->curl, CURLOPT_URL, url);
    curl_easy_setopt(etcd->curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(etcd->curl);
    curl_easy_getinfo(etcd->curl, CURLINFO_RESPONSE_CODE, &etcd->status);
    if (code != CURLE_OK) {
        snprintf(etcd->problem, sizeof etcd->problem, "etcd %.*s: %s", (int)member_len, member,
                 curl_easy_strerror(code));
        return false;
    }
    if (etcd->status != 200) {
        note_refusal(etcd, member, (int)member_len);
    }
    return etcd->status == 200;
}

// Of the first member that answers.
static bool ask(struct etcd *etcd, const char *path, const char *body)
{
    if (etcd->curl == NULL) {
        snprintf(etcd->problem, sizeof etcd->problem, "libcurl can't be used");
        return false;
    }
    for (const char *member = etcd->place.members; *member != '\0';) {
        size_t len = strcspn(member, ",");
        if (ask_member(etcd, member, len, path, body)) {
            return true;
        }
        member += len + (member[len] == ',');
    }
    return false;
}

// ---- the lease

static void set_end(struct etcd_lease *lease, uint64_t sent_us, uint64_t lease_s)
{
    lease->renewed_us = sent_us;
    lease->ends_us = sent_us + lease_s * US_PER_S / 5 * 4;
}

static bool grant(struct etcd_lease *lease, uint32_t lease_s)
{
    char body[64];
    uint64_t ttl_s = 0;
    uint64_t sent_us = now_us();
    snprintf(body, sizeof body, "{\"TTL\":\"%u\"}", lease_s);
    if (!ask(&lease->etcd, "lease/grant", body)) {
        return false;
    }
    json_t *answer = read_answer(&lease->etcd);
    bool is_granted = find_number(answer, "ID", &lease->id) && find_number(answer, "TTL", &ttl_s);
    json_decref(answer);
    if (!is_granted) {
        snprintf(lease->etcd.problem, sizeof lease->etcd.problem, "etcd gives no lease");
        return false;
    }
    set_end(lease, sent_us, ttl_s < lease_s ? ttl_s : lease_s);
    return true;
}

static bool put_key(struct etcd_lease *lease, uint32_t proxy)
{
    char name[16];
    char value[32];
    char body[2 * KEY_BYTES + 300];
    int len = snprintf(name, sizeof name, "%u", proxy);
    sodium_bin2base64(value, sizeof value, (const unsigned char *)name, (size_t)len,
                      sodium_base64_VARIANT_ORIGINAL);
    snprintf(
        body, sizeof body,
        "{\"compare\":[{\"key\":\"%s\",\"target\":\"CREATE\",\"create_revision\":\"0\"}],"
        "\"success\":[{\"request_put\":{\"key\":\"%s\",\"value\":\"%s\",\"lease\":\"%llu\"}}]}",
        lease->key, lease->key, value, (unsigned long long)lease->id);
    if (!ask(&lease->etcd, "kv/txn", body)) {
        return false;
    }
    json_t *answer = read_answer(&lease->etcd);
    bool is_made = json_is_true(json_object_get(answer, "succeeded")) &&
                   find_number(json_object_get(answer, "header"), "revision", &lease->revision);
    json_decref(answer);
    if (!is_made) {
        snprintf(lease->etcd.problem, sizeof lease->etcd.problem, "another waybill leads");
        return false;
    }
    return true;
}

struct etcd_lease *etcd_lease_take(const struct etcd_wish *wish, char *why, size_t why_bytes)
{
    struct etcd_lease *lease = memory_new(sizeof *lease);
    open_etcd(&lease->etcd, &wish->place);
    sodium_bin2base64(lease->key, sizeof lease->key, (const unsigned char *)wish->key,
                      strlen(wish->key), sodium_base64_VARIANT_ORIGINAL);
    if (grant(lease, wish->lease_s) && put_key(lease, wish->proxy)) {
        return lease;
    }
    snprintf(why, why_bytes, "%s", lease->etcd.problem);
    etcd_lease_give(lease);
    return NULL;
}

static bool is_held(const struct etcd_lease *lease)
{
    return now_us() < lease->ends_us;
}

// What can't be renewed is held until it ends.
static void renew(struct etcd_lease *lease)
{
    char body[64];
    uint64_t ttl_s = 0;
    uint64_t sent_us = now_us();
    snprintf(body, sizeof body, "{\"ID\":\"%llu\"}", (unsigned long long)lease->id);
    if (!ask(&lease->etcd, "lease/keepalive", body)) {
        return;
    }
    json_t *answer = read_answer(&lease->etcd);
    if (find_number(json_object_get(answer, "result"), "TTL", &ttl_s) && ttl_s > 0) {
        set_end(lease, sent_us, ttl_s);
    } else {
        lease->ends_us = 0; // it is over
    }
    json_decref(answer);
}

bool etcd_lease_keep(struct etcd_lease *lease)
{
    uint64_t whole_us = lease->ends_us > lease->renewed_us ? lease->ends_us - lease->renewed_us : 0;
    if (is_held(lease) && now_us() - lease->renewed_us > whole_us / 3) {
        renew(lease);
    }
    return is_held(lease);
}

bool etcd_lease_confirm(struct etcd_lease *lease)
{
    char body[KEY_BYTES + 200];
    if (!is_held(lease)) {
        return false;
    }
    renew(lease);
    snprintf(body, sizeof body,
             "{\"compare\":[{\"key\":\"%s\",\"target\":\"CREATE\",\"create_revision\":\"%llu\"}]}",
             lease->key, (unsigned long long)lease->revision);
    if (!is_held(lease) || !ask(&lease->etcd, "kv/txn", body)) {
        return false;
    }
    json_t *answer = read_answer(&lease->etcd);
    bool is_ours = json_is_true(json_object_get(answer, "succeeded"));
    json_decref(answer);
    return is_ours && is_held(lease);
}

void etcd_lease_give(struct etcd_lease *lease)
{
    char body[64];
    if (lease == NULL) {
        return;
    }
    snprintf(body, sizeof body, "{\"ID\":\"%llu\"}", (unsigned long long)lease->id);
    bool is_given = lease->id == 0 || ask(&lease->etcd, "lease/revoke", body);
    (void)is_given; // (else it ends by itself)
    close_etcd(&lease->etcd);
    memory_free(lease);
}

bool etcd_is_there(const struct etcd_place *place, char *why, size_t why_bytes)
{
    struct etcd etcd;
    open_etcd(&etcd, place);
    bool is_there = ask(&etcd, "kv/range", "{\"key\":\"AA==\"}"); // (a key that nobody has)
    snprintf(why, why_bytes, "%s", etcd.problem);
    close_etcd(&etcd);
    return is_there;
}

void etcd_start_library(void)
{
    // What fails here fails again, and is told, where a request is made.
    (void)curl_global_init(CURL_GLOBAL_NOTHING);
}
