// From a row of the servers' accounts to an account of the configuration.
//
// What waybill can't check, it keeps with the reason (`unusable`): whoever tries it is refused like
// anybody with a wrong password, and the log says why. So it is with plugins that prove something
// else than a password (unix_socket, gssapi), that only the server can check (pam), and with hosts
// that are patterns of names.

#include "cluster/account.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/auth_sha2_crypt.h"

enum { OLD_HASH_CHARS = 16, FIRST_ROOM = 64 };

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

static const char *keep(struct account_list *list, const char *text)
{
    return (const char *)arena_format(&list->arena, "%s", text_of(text)).ptr;
}

// ---- the password

// True: what is kept of it can be checked. Else `why`, a literal.
static bool take_native(const char *proof, struct user_config *user, const char **why)
{
    if (auth_native_parse_hash(slice_of_string(proof), user->native_hash)) {
        user->has_native = true;
        return true;
    }
    *why = strlen(proof) == OLD_HASH_CHARS ? "its password is from before MySQL 4.1"
                                           : "no password gives what the server keeps of it";
    return false;
}

static bool take_sha2(struct account_list *list, const char *proof, struct user_config *user,
                      const char **why)
{
    struct slice kept = slice_of_string(proof);
    if (sha2_crypt_is_valid(kept)) {
        user->sha2_crypt = arena_copy(&list->arena, kept);
        return true;
    }
    *why = "no password gives what the server keeps of it";
    return false;
}

static bool take_plugin(struct account_list *list, const struct account_plugin *plugin,
                        struct user_config *user, const char **why)
{
    const char *name = text_of(plugin->name), *proof = text_of(plugin->proof);
    bool is_native = name[0] == '\0' || strcmp(name, "mysql_native_password") == 0;
    bool is_sha2 = strcmp(name, "caching_sha2_password") == 0;
    if ((is_native || is_sha2) && proof[0] == '\0') {
        user->has_empty_password = true;
        return true;
    }
    if (is_native) {
        return take_native(proof, user, why);
    }
    if (is_sha2) {
        return take_sha2(list, proof, user, why);
    }
    if (strcmp(name, "ed25519") == 0) {
        user->has_ed25519 = auth_ed25519_parse_key(slice_of_string(proof), user->ed25519_key);
        *why = "no password gives what the server keeps of it";
        return user->has_ed25519;
    }
    *why = (const char *)arena_format(&list->arena,
                                      "waybill can't check what its plugin %s wants to know", name)
               .ptr;
    return false;
}

static void take_plugins(struct account_list *list, const struct account_facts *facts,
                         struct user_config *user)
{
    bool is_usable = false;
    const char *why = "it has no plugin";
    for (size_t i = 0; i < facts->plugin_count; i++) {
        is_usable |= take_plugin(list, &facts->plugins[i], user, &why);
    }
    // One of several ways is an empty password: the others count.
    user->has_empty_password = user->has_empty_password && !user->has_native &&
                               !user->has_ed25519 && user->sha2_crypt.len == 0;
    user->unusable = is_usable ? NULL : why;
    user->server_password = user->has_empty_password ? "" : NULL;
}

// ---- from where

static const struct host_pattern *find_known(const struct account_list *known, const char *name)
{
    for (size_t i = 0; known != NULL && i < known->count; i++) {
        const struct user_config *user = &known->users[i];
        if (user->host_count == 1 && user->hosts[0].kind == HOST_NAME &&
            strcmp(user->hosts[0].text, name) == 0) {
            return &user->hosts[0];
        }
    }
    return NULL;
}

static bool look_up(struct account_list *list, struct host_pattern *host,
                    const struct account_list *known, char *why, size_t why_bytes)
{
    const struct host_pattern *found =
        host->kind == HOST_NAME ? find_known(known, host->text) : NULL;
    if (found == NULL) {
        return host_look_up(host, &list->arena, why, why_bytes);
    }
    host->addresses = arena_alloc(&list->arena, found->address_count * sizeof *host->addresses);
    memcpy(host->addresses, found->addresses, found->address_count * sizeof *host->addresses);
    host->address_count = found->address_count;
    return true;
}

static bool read_host(struct account_list *list, struct host_pattern *host, const char *text,
                      bool is_by_address, char *why, size_t why_bytes)
{
    if (!host_read(host, slice_of_string(text), &list->arena, why, why_bytes)) {
        return false;
    }
    if (is_by_address && host->kind == HOST_NAME) {
        snprintf(why, why_bytes, "host '%s' is a name; the server has skip_name_resolve", text);
        return false;
    }
    host->kind = is_by_address && host->kind == HOST_LOCAL ? HOST_SOCKET : host->kind;
    return true;
}

static void take_host(struct account_list *list, struct user_config *user, bool is_by_address,
                      const struct account_list *known)
{
    char why[300];
    user->hosts = arena_alloc(&list->arena, sizeof *user->hosts);
    if (read_host(list, &user->hosts[0], user->from, is_by_address, why, sizeof why) &&
        look_up(list, &user->hosts[0], known, why, sizeof why)) {
        user->host_count = 1;
        return;
    }
    user->host_count = 0; // whoever has no better account is told by the log
    user->unusable = keep(list, why);
}

// ---- the list

void account_list_init(struct account_list *list)
{
    *list = (struct account_list){.digest = 1};
    arena_init(&list->arena, NULL);
}

void account_list_done(struct account_list *list)
{
    arena_clear(&list->arena);
    memory_free(list->users);
    memory_free(list->marks);
    list->users = NULL;
    list->marks = NULL;
    list->count = list->mark_count = 0;
}

static void add_digest(struct account_list *list, const struct account_facts *facts,
                       const struct user_config *user)
{
    struct text bytes;
    text_init(&bytes);
    text_add(&bytes, &list->digest, sizeof list->digest);
    text_add_format(&bytes, "%s\n%s\n%s\n%s\n%s\n%d %d %d %d %d %d %u\n%s\n", user->name,
                    user->from, user->require_subject, user->require_issuer, user->require_cipher,
                    user->is_locked, user->is_expired, facts->is_by_address, (int)user->require,
                    user->sees_all_sessions, user->kills_all_sessions, user->max_connections,
                    text_of(user->unusable));
    for (size_t i = 0; i < facts->plugin_count; i++) {
        text_add_format(&bytes, "%s\n%s\n", text_of(facts->plugins[i].name),
                        text_of(facts->plugins[i].proof));
    }
    for (size_t i = 0; user->host_count > 0 && i < user->hosts[0].address_count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_print(&user->hosts[0].addresses[i], text);
        text_add_string(&bytes, text);
    }
    list->digest = hash_bytes(bytes.ptr, bytes.len) | 1; // never 0
    text_done(&bytes);
}

static struct account_mark *add_mark(struct account_list *list, const char *name, struct slice text)
{
    if (list->mark_count == list->mark_room) {
        list->mark_room = list->mark_room == 0 ? FIRST_ROOM : list->mark_room * 2;
        list->marks = memory_resize(list->marks, list->mark_room * sizeof *list->marks);
    }
    struct account_mark *mark = &list->marks[list->mark_count++];
    *mark = (struct account_mark){.name = name, .hash = hash_bytes(text.ptr, text.len)};
    return mark;
}

void account_list_add(struct account_list *list, const struct account_facts *facts,
                      const struct account_list *known)
{
    if (list->count == ACCOUNTS_MAX) {
        list->left_out++;
        return;
    }
    if (list->count == list->room) {
        list->room = list->room == 0 ? FIRST_ROOM : list->room * 2;
        list->users = memory_resize(list->users, list->room * sizeof *list->users);
    }
    struct user_config *user = &list->users[list->count++];
    *user = (struct user_config){.is_from_servers = true,
                                 .name = keep(list, facts->name),
                                 .from = keep(list, facts->host),
                                 .is_locked = facts->is_locked,
                                 .is_expired = facts->is_expired,
                                 .require = facts->require,
                                 .require_subject = keep(list, facts->subject),
                                 .require_issuer = keep(list, facts->issuer),
                                 .require_cipher = keep(list, facts->cipher),
                                 .default_schema = "",
                                 .max_connections = facts->max_connections,
                                 .sees_all_sessions = facts->sees_all_sessions,
                                 .kills_all_sessions = facts->kills_all_sessions,
                                 .reads_from_replicas = true};
    user->server_user = user->name;
    take_plugins(list, facts, user);
    take_host(list, user, facts->is_by_address, known);
    add_digest(list, facts, user);
    add_mark(list, user->name, slice_of_string(text_of(facts->access)))->has_role = facts->has_role;
}

// ---- what they may do

void account_list_note(struct account_list *list, const char *name, bool is_role, struct slice text)
{
    struct text bytes; // whose it is counts, too: roles are put together
    text_init(&bytes);
    text_add_format(&bytes, "%s\n", name);
    text_add_slice(&bytes, text);
    uint64_t hash = hash_bytes(bytes.ptr, bytes.len);
    text_done(&bytes);
    if (!is_role) {
        (void)add_mark(list, keep(list, name), text);
    } else if (strcmp(name, "PUBLIC") == 0) {
        list->public_hash += hash;
    } else {
        list->roles_hash += hash;
    }
}

static int compare_marks(const void *a, const void *b)
{
    return strcmp(((const struct account_mark *)a)->name, ((const struct account_mark *)b)->name);
}

// Sums, so that the order of the rows does not matter.
static void join_marks(struct account_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->mark_count; i++) {
        struct account_mark *mark = &list->marks[i];
        if (count > 0 && strcmp(list->marks[count - 1].name, mark->name) == 0) {
            list->marks[count - 1].hash += mark->hash;
            list->marks[count - 1].has_role |= mark->has_role;
        } else {
            list->marks[count++] = *mark;
        }
    }
    list->mark_count = count;
}

void account_list_end(struct account_list *list)
{
    if (list->mark_count > 0) {
        qsort(list->marks, list->mark_count, sizeof *list->marks, compare_marks);
    }
    join_marks(list);
    for (size_t i = 0; i < list->mark_count; i++) {
        struct account_mark *mark = &list->marks[i];
        mark->hash += list->public_hash + (mark->has_role ? list->roles_hash : 0);
        uint64_t both[2] = {list->digest, mark->hash};
        list->digest = hash_bytes(both, sizeof both) | 1; // never 0
    }
}

uint64_t account_list_privileges(const struct account_list *list, const char *name)
{
    struct account_mark wanted = {.name = name};
    const struct account_mark *mark =
        list->mark_count > 0
            ? bsearch(&wanted, list->marks, list->mark_count, sizeof wanted, compare_marks)
            : NULL;
    return mark != NULL ? mark->hash : 0;
}
