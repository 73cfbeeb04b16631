// Members of Galera or of Group Replication agree among themselves who has what and who may write:
// nobody is promoted, opened, fenced or led anywhere by waybill. Writes go to one member that takes
// them, the same one for as long as it does; the others serve reads.

#include "replication/observe_impl.h"

static bool is_ready(const struct shard_member *member)
{
    const struct server_facts *facts = &member->seen->facts;
    return member->seen->is_up && member->seen->has_facts && facts->is_in_group &&
           facts->is_group_ready;
}

static bool takes_writes(const struct shard_member *member)
{
    return is_ready(member) && !member->seen->facts.is_read_only;
}

bool observe_has_group(const struct shard_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->members[i].seen->has_facts && view->members[i].seen->facts.is_in_group) {
            return true;
        }
    }
    return false;
}

// One that answers late stays it until it is seen to be down.
static const struct shard_member *find_writer(const struct shard_view *view)
{
    const struct shard_member *writer = NULL;
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        if (takes_writes(member) && (writer == NULL || member->server == view->known_primary)) {
            writer = member;
        }
    }
    return writer;
}

static enum server_role role_of(const struct shard_view *view, const struct shard_member *member,
                                const struct shard_member *writer)
{
    if (member == writer) {
        return ROLE_PRIMARY;
    }
    if (!member->seen->has_facts) {
        return ROLE_UNKNOWN;
    }
    bool follows = observe_source_of(view, member) != NULL; // from outside, as replicas do
    return member->seen->facts.is_in_group || follows ? ROLE_REPLICA : ROLE_DETACHED;
}

void observe_group(const struct shard_view *view, struct shard_opinion *opinion)
{
    const struct shard_member *writer = find_writer(view);
    opinion->primary = writer != NULL ? writer->server : NO_SERVER;
    if (writer == NULL) {
        observe_explain(opinion, SHARD_WAIT,
                        "no member of the group takes writes; who does is for the group to say");
    }
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        const struct shard_member *source = observe_source_of(view, member);
        opinion->roles[i] = role_of(view, member, writer);
        bool is_fed = source == NULL && member != writer && writer != NULL &&
                      opinion->roles[i] == ROLE_REPLICA;
        opinion->sources[i] = source != NULL ? source->server : is_fed ? writer->server : NO_SERVER;
    }
}
