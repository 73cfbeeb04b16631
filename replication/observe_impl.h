#pragma once
// What the parts of an opinion share.

#include "replication/observe.h"

void observe_explain(struct shard_opinion *opinion, enum shard_verdict verdict, const char *format,
                     ...) PRINTF_LIKE(3, 4);

// Its tables are being made anew from another server: it is nobody's primary. (It is a replica as
// soon as it follows, for then it acknowledges.)
static inline bool observe_is_incomplete(const struct shard_member *member)
{
    return member->seen->facts.cloned[0] != '\0';
}

// Whom it replicates from; NULL: nobody, several, or a server of another shard.
const struct shard_member *observe_source_of(const struct shard_view *view,
                                             const struct shard_member *member);

// observe_group.c
bool observe_has_group(const struct shard_view *view) MUST_CHECK;
void observe_group(const struct shard_view *view, struct shard_opinion *opinion);

// The first one that something is to be done about, if any.
void observe_find_needy(const struct shard_view *view, struct shard_opinion *opinion);
