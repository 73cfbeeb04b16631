// What a client of a user must know: a password, or what is kept of one.

#include "cluster/config_impl.h"
#include "protocol/auth_sha2_crypt.h"

static const char *const hash_names[] = {"password_native", "password_sha2", "password_ed25519"};
enum { HASH_NAMES = sizeof hash_names / sizeof hash_names[0] };

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// The hash of mysql.user, which may hold any bytes: also written in hexadecimal.
static bool read_crypt(struct build *build, struct slice value, struct slice *crypt)
{
    uint8_t bytes[SHA2_CRYPT_BYTES];
    if (value.len == 2 + 2 * sizeof bytes && memcmp(value.ptr, "0x", 2) == 0) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            int high = hex_digit(value.ptr[2 + 2 * i]);
            int low = hex_digit(value.ptr[3 + 2 * i]);
            if (high < 0 || low < 0) {
                return false;
            }
            bytes[i] = (uint8_t)(high << 4 | low);
        }
        value = slice_of(bytes, sizeof bytes);
    }
    if (!sha2_crypt_is_valid(value)) {
        return false;
    }
    *crypt = arena_copy(&build->config->arena, value);
    return true;
}

static void build_sha2(struct build *build, const struct entry *entry, struct user_config *user)
{
    user->has_sha2 = auth_sha2_parse_hash(entry->value, user->sha2_hash);
    if (!user->has_sha2 && !read_crypt(build, entry->value, &user->sha2_crypt)) {
        build_error(build, entry->line,
                    "password_sha2 is $W$ and 64 hexadecimal digits, or the $A$005$... of "
                    "MySQL's mysql.user");
    }
}

static void build_hashes(struct build *build, const struct section *section,
                         struct user_config *user)
{
    const struct entry *native = section_find(section, "password_native");
    const struct entry *sha2 = section_find(section, "password_sha2");
    if (native != NULL) {
        user->has_native = auth_native_parse_hash(native->value, user->native_hash);
        if (!user->has_native) {
            build_error(build, native->line,
                        "password_native is * and 40 hexadecimal digits, as in mysql.user");
        }
    }
    if (sha2 != NULL) {
        build_sha2(build, sha2, user);
        build->config->wants_rsa_key |= user->sha2_crypt.len > 0;
    }
    const struct entry *ed25519 = section_find(section, "password_ed25519");
    if (ed25519 != NULL) {
        user->has_ed25519 = auth_ed25519_parse_key(ed25519->value, user->ed25519_key);
        if (!user->has_ed25519) {
            build_error(build, ed25519->line,
                        "password_ed25519 is 43 characters of base64, as in mysql.user");
        }
    }
    if (native == NULL && sha2 == NULL && ed25519 == NULL) {
        build_error(build, section->line,
                    "[user %s] has no password (`password =` with nothing behind it means an "
                    "empty one)",
                    section->name);
    }
}

bool section_has_password(const struct section *section)
{
    bool has_hash = false;
    for (size_t i = 0; i < HASH_NAMES; i++) {
        has_hash |= section_find(section, hash_names[i]) != NULL;
    }
    return has_hash || section_find(section, "password") != NULL;
}

void build_password(struct build *build, const struct section *section, struct user_config *user)
{
    const struct entry *password = section_find(section, "password");
    if (password == NULL) {
        build_hashes(build, section, user);
        return;
    }
    for (size_t i = 0; i < HASH_NAMES; i++) {
        const struct entry *hash = section_find(section, hash_names[i]);
        if (hash != NULL) {
            build_error(build, hash->line, "%s stands instead of password (line %d), not beside it",
                        hash->name, password->line);
            return;
        }
    }
    user->has_empty_password = password->value.len == 0;
    user->has_native = user->has_sha2 = user->has_ed25519 = !user->has_empty_password;
    if (!user->has_empty_password) {
        auth_native_hash(password->value, user->native_hash);
        auth_sha2_hash(password->value, user->sha2_hash);
        auth_ed25519_public_key(password->value, user->ed25519_key);
    }
}
