// Any bytes as a configuration: it is read or refused with a line, nothing else. Names of hosts are
// not looked up: only numbers are addresses here.

#include <netdb.h>
#include <stdlib.h>
#include <arpa/inet.h>

#include "cluster/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

// In the place of the C library's.
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)service;
    (void)hints;
    struct in_addr number;
    if (inet_pton(AF_INET, host, &number) != 1) {
        return EAI_NONAME;
    }
    *found = calloc(1, sizeof **found + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(*found + 1);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = number};
    (*found)->ai_family = AF_INET;
    (*found)->ai_addrlen = sizeof *address;
    (*found)->ai_addr = (struct sockaddr *)(void *)address;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    free(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text errors;
    text_init(&errors);
    struct slice text = slice_of(bytes, len);
    struct config *config = config_read_text(text, "fuzz", NULL, &errors);
    if ((config == NULL) != (errors.len > 0)) {
        abort();
    }
    if (config != NULL) {
        // It can be read again after itself, and nothing moves.
        struct config *again = config_read_text(text, "fuzz", config, &errors);
        if (again == NULL || again->server_count != config->server_count) {
            abort();
        }
        config_free(again);
        snapshot_free(snapshot_new(config));
    }
    text_done(&errors);
    return 0;
}
