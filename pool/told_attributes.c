// Connection attributes: what performance_schema.session_connect_attrs shows of a connection on the
// server. First waybill's own; then of the client for which the connection was opened its address
// and name, and its own attributes behind "client.": what it says of itself is not to be taken for
// what waybill says. A connection that is lent to others later keeps them.

#include "pool/pool_impl.h"

#include <stdio.h>
#include <unistd.h>

#include "protocol/bytes.h"

enum { CLIENT_BYTES_MAX = 2048, NAME_BYTES_MAX = 25, VALUE_BYTES_MAX = 512 };

static void add(struct text *out, const char *prefix, struct slice name, struct slice value)
{
    struct text joined;
    text_init(&joined);
    text_add_string(&joined, prefix);
    text_add_slice(&joined, name);
    write_lenenc_bytes(out, text_slice(&joined));
    write_lenenc_bytes(out, value);
    text_done(&joined);
}

static void add_string(struct text *out, const char *name, const char *value)
{
    add(out, "", slice_of_string(name), slice_of_string(value));
}

// Pairs that are too long are left out, and all behind the first that can't be read.
static void add_of_client(struct text *out, struct slice attributes)
{
    struct reader reader = reader_of(attributes);
    size_t begin = out->len;
    while (reader_left(&reader) > 0 && out->len - begin < CLIENT_BYTES_MAX) {
        struct slice name = read_lenenc_bytes(&reader);
        struct slice value = read_lenenc_bytes(&reader);
        if (reader.is_bad) {
            return;
        }
        if (name.len > 0 && name.len <= NAME_BYTES_MAX && value.len <= VALUE_BYTES_MAX) {
            add(out, "client.", name, value);
        }
    }
}

void told_attributes_write(struct text *out, const struct pool_client *client, const char *user)
{
    char number[24];
    snprintf(number, sizeof number, "%ld", (long)getpid());
    add_string(out, "_client_name", "waybill");
    add_string(out, "_client_version", WAYBILL_VERSION);
    add_string(out, "_pid", number);
    add_string(out, "program_name", "waybill");
    if (client->address != NULL) {
        char address[ADDRESS_TEXT_BYTES];
        address_print(client->address, address);
        add_string(out, "client.address", address);
    }
    add_string(out, "client.user", user);
    add_of_client(out, client->attributes);
}
