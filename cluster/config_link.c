// How waybill speaks to a server, beside where it is: the PROXY protocol.

#include "cluster/config_impl.h"

static const char *const proxy_words[] = {"off", "v1", "v2", NULL};

void build_link(struct build *build, const struct section *section, struct server_link *link)
{
    link->proxy = (enum server_proxy)section_choice(build, section, "proxy_protocol", proxy_words,
                                                    SERVER_PROXY_OFF);
}

bool server_link_is_same(const struct server_link *a, const struct server_link *b)
{
    return a->proxy == b->proxy;
}
