// What the work's thread must know of the configuration, as values of its own.

#include "replication/index_work.h"

#include <stdio.h>

#include "base/memory.h"
#include "router/global_index.h"
#include "router/index_claim.h"
#include "router/sql_literal.h"

static const char events[] = {'i', 'u'};

static void end_text(struct text *text)
{
    text_add(text, "", 1);
}

static void fill_target(const struct config *config, const struct index_config *index,
                        struct index_target *target)
{
    const struct table_config *table = &config->tables[index->table];
    struct text column;
    snprintf(target->name, sizeof target->name, "%s", index->name);
    snprintf(target->key, sizeof target->key, "%s", index->key);
    snprintf(target->schema, sizeof target->schema, "%s", table->schema);
    snprintf(target->table, sizeof target->table, "%s", table->name);
    snprintf(target->column, sizeof target->column, "%s", index->column);
    target->is_integer = index->type == KEY_INTEGER;
    target->is_unique = index->is_unique;
    text_init(&column);
    text_init(&target->canonical);
    sql_add_name(&column, slice_of_string(index->column));
    end_text(&column);
    index_add_canonical(&target->canonical, index->type, (const char *)column.ptr);
    end_text(&target->canonical);
    for (size_t i = 0; i < sizeof events; i++) {
        text_init(&target->body[i]);
        if (index->is_unique) {
            struct claim_index claims = claim_index_of(config, index);
            claim_add_trigger_body(&target->body[i], &claims, events[i]);
        } else {
            index_add_trigger_body(&target->body[i], index, events[i]);
        }
        end_text(&target->body[i]);
    }
    text_done(&column);
}

struct index_order *index_order_new(const struct config *config, const uint16_t *ids,
                                    uint16_t shard_count, uint16_t home)
{
    struct index_order *order = memory_new(sizeof *order);
    order->count = config->index_count;
    order->targets = memory_new((order->count + 1u) * sizeof *order->targets);
    for (uint16_t i = 0; i < order->count; i++) {
        fill_target(config, &config->indexes[i], &order->targets[i]);
    }
    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        order->homes[bucket] = home;
        for (uint16_t i = 0; i < shard_count; i++) {
            if (ids[i] == config->bucket_shard[bucket]) {
                order->homes[bucket] = i;
            }
        }
    }
    return order;
}

void index_order_free(struct index_order *order)
{
    if (order == NULL) {
        return;
    }
    for (uint16_t i = 0; i < order->count; i++) {
        struct index_target *target = &order->targets[i];
        text_done(&target->canonical);
        text_done(&target->body[0]);
        text_done(&target->body[1]);
    }
    memory_free(order->targets);
    memory_free(order);
}
