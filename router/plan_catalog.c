// What has to be asked of which shard for a statement on information_schema (catalog.h).
//
// The default shard's server tells of all tables that the configuration doesn't name. The statement
// runs there, or, where the session can't leave another one, there with all rows asked for.
//
// Of a table that lives elsewhere its home tells; of a sharded one that the statement's server does
// not have, the first shard that has it; where figures are asked for, every shard that has a part.

#include "router/catalog.h"
#include "router/plan_impl.h"
#include "router/sql_literal.h"

struct catalog_builder {
    struct planner *planner;
    const struct catalog_kind *kind;
    const struct asked_tables *asked;
    uint16_t place;   // that tells of undeclared tables
    uint16_t runs_on; // where the statement itself goes
    bool wants_figures;
};

// ---- which tables

static bool is_asked(const struct asked_tables *asked, const struct table_config *table)
{
    if (asked->schema.len > 0 && !slice_is_nocase(asked->schema, table->schema)) {
        return false;
    }
    for (uint32_t i = 0; i < asked->name_count; i++) {
        if (slice_is_nocase(asked->names[i], table->name)) {
            return true;
        }
    }
    return asked->name_count == 0;
}

uint16_t plan_catalog_shard(const struct planner *planner)
{
    const struct route_request *request = planner->request;
    return request->is_pinned ? request->last_shard : planner->config->default_shard;
}

bool plan_catalog_asks_parts(const struct planner *planner, const struct asked_tables *asked)
{
    const struct config *config = planner->config;
    for (uint16_t i = 0; i < config->table_count; i++) {
        if (config->tables[i].type == TABLE_SHARDED && is_asked(asked, &config->tables[i])) {
            return true;
        }
    }
    return false;
}

// Which shards tell of the table; none: the statement's server does, as of its own.
static struct shard_set tellers(const struct catalog_builder *all, const struct table_config *table)
{
    const struct config *config = all->planner->config;
    struct shard_set none = {0};
    if (!is_asked(all->asked, table)) {
        return none;
    }
    switch (table->type) {
    case TABLE_REFERENCE:
        return none;
    case TABLE_UNSHARDED:
        return table->home != all->place ? shard_set_of(table->home) : none;
    case TABLE_SHARDED:
        break;
    }
    struct shard_set has = sharding_of_table(config, table);
    has.bits &= sharding_all(config).bits;
    if (all->wants_figures && catalog_can_fold(all->kind)) {
        return has;
    }
    bool is_there = has.bits == 0 || shard_set_has(has, all->place);
    return is_there ? none : shard_set_of(shard_set_first(has));
}

// ---- SQL

// Does the shard tell of the table? NO_SHARD: does any?
static bool is_told_by(const struct catalog_builder *all, const struct table_config *table,
                       uint16_t shard)
{
    struct shard_set set = tellers(all, table);
    return shard == NO_SHARD ? set.bits != 0 : shard_set_has(set, shard);
}

static bool is_first_of_schema(const struct catalog_builder *all, uint16_t at, uint16_t shard)
{
    const struct table_config *tables = all->planner->config->tables;
    for (uint16_t i = 0; i < at; i++) {
        if (is_told_by(all, &tables[i], shard) &&
            slice_is_nocase(slice_of_string(tables[at].schema), tables[i].schema)) {
            return false;
        }
    }
    return true;
}

// (TABLE_SCHEMA = 'shop' AND TABLE_NAME IN ('orders', 'stock') OR ...); of no table: (0 = 1)
static void add_told(struct text *sql, const struct catalog_builder *all, uint16_t shard)
{
    const struct config *config = all->planner->config;
    const char *before = "(";
    for (uint16_t i = 0; i < config->table_count; i++) {
        if (!is_told_by(all, &config->tables[i], shard) || !is_first_of_schema(all, i, shard)) {
            continue;
        }
        struct slice schema = slice_of_string(config->tables[i].schema);
        text_add_format(sql, "%s%s = ", before, catalog_schema_column(all->kind));
        sql_add_utf8mb3(sql, schema);
        text_add_format(sql, " AND %s IN ", catalog_table_column(all->kind));
        before = "(";
        for (uint16_t k = i; k < config->table_count; k++) {
            const struct table_config *table = &config->tables[k];
            if (is_told_by(all, table, shard) && slice_is_nocase(schema, table->schema)) {
                text_add_string(sql, before);
                sql_add_utf8mb3(sql, slice_of_string(table->name));
                before = ",";
            }
        }
        text_add_string(sql, ")");
        before = " OR ";
    }
    text_add_string(sql, *before == '(' ? "(0 = 1)" : ")");
}

// What the statement itself says of the tables it is about, so that the server opens no others.
static void add_asked(struct text *sql, const struct catalog_builder *all)
{
    const struct asked_tables *asked = all->asked;
    if (asked->schema.len > 0) {
        text_add_format(sql, "%s = ", catalog_schema_column(all->kind));
        sql_add_utf8mb3(sql, asked->schema);
        text_add_string(sql, " AND ");
    }
    for (uint32_t i = 0; i < asked->name_count; i++) {
        text_add_string(sql, i > 0 ? "," : catalog_table_column(all->kind));
        text_add_string(sql, i > 0 ? "" : " IN (");
        sql_add_utf8mb3(sql, asked->names[i]);
    }
    text_add_string(sql, asked->name_count > 0 ? ") AND " : "");
}

static struct slice select_of(const struct catalog_builder *all, uint16_t shard)
{
    struct text sql;
    text_init(&sql);
    text_add_format(&sql, "SELECT * FROM information_schema.%s WHERE ", catalog_name(all->kind));
    if (shard == NO_SHARD) {
        add_asked(&sql, all);
        text_add_string(&sql, "NOT ");
    }
    add_told(&sql, all, shard);
    struct slice copy = arena_copy(all->planner->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

// ---- one mention

// Nothing is to be had from the server that runs it; the one that should does it instead.
static void ask_place(const struct catalog_builder *all, struct catalog_ref *ref)
{
    struct arena *arena = all->planner->arena;
    struct catalog_question *question = NULL;
    for (uint32_t i = 0; i < ref->question_count; i++) {
        question = ref->questions[i].shard == all->place ? &ref->questions[i] : question;
    }
    if (question == NULL) {
        question = &ref->questions[ref->question_count++];
        *question = (struct catalog_question){.shard = all->place, .sql = ref->own};
    } else {
        question->sql = arena_format(arena, "%.*s UNION ALL %.*s", (int)ref->own.len,
                                     (const char *)ref->own.ptr, (int)question->sql.len,
                                     (const char *)question->sql.ptr);
    }
    ref->own = arena_format(arena, "SELECT * FROM information_schema.%s WHERE 0 = 1",
                            catalog_name(all->kind));
}

// False: its server knows all of it.
static bool build_ref(const struct catalog_builder *all, struct catalog_ref *ref)
{
    const struct config *config = all->planner->config;
    struct shard_set set = {0};
    for (uint16_t i = 0; i < config->table_count; i++) {
        set.bits |= tellers(all, &config->tables[i]).bits;
    }
    ref->kind = all->kind;
    ref->questions =
        arena_alloc(all->planner->arena, (shard_set_count(set) + 1) * sizeof *ref->questions);
    for (; set.bits != 0; set.bits &= set.bits - 1) {
        uint16_t shard = shard_set_first(set);
        ref->questions[ref->question_count++] =
            (struct catalog_question){.shard = shard, .sql = select_of(all, shard)};
    }
    ref->own = select_of(all, NO_SHARD);
    if (all->runs_on != all->place) {
        ask_place(all, ref);
    }
    return ref->question_count > 0;
}

static struct catalog_plan *new_catalog(struct planner *planner, enum catalog_form form)
{
    struct catalog_plan *catalog = arena_alloc(planner->arena, sizeof *catalog);
    *catalog = (struct catalog_plan){.form = form, .text = planner->statement->text};
    catalog->refs = arena_alloc(planner->arena, CATALOG_REFS_MAX * sizeof *catalog->refs);
    return catalog;
}

// Its name without a schema, as it stands in the text.
static struct slice last_name(const struct planner *planner, struct span span)
{
    struct slice text = slice_part(planner->statement->text, span.begin, span.end);
    for (size_t i = text.len; i > 0; i--) {
        bool is_name = text.ptr[i - 1] != '.' && text.ptr[i - 1] != ' ';
        if (!is_name) {
            return slice_part(text, i, text.len);
        }
    }
    return text;
}

static bool append_ref(struct planner *planner, struct catalog_plan **catalog,
                       const struct catalog_ref *ref)
{
    if (*catalog == NULL) {
        *catalog = new_catalog(planner, CATALOG_SELECT);
    }
    if ((*catalog)->ref_count == CATALOG_REFS_MAX) {
        return false;
    }
    (*catalog)->refs[(*catalog)->ref_count++] = *ref;
    return true;
}

bool plan_catalog_hide(struct planner *planner, struct catalog_plan **catalog,
                       const struct table_ref *table)
{
    struct catalog_ref ref = {
        .span = table->name_span,
        .has_alias = table->alias.len > 0,
        .name = last_name(planner, table->name_span),
        .own = slice_of_string(
            "SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME <> 'waybill'"),
    };
    return append_ref(planner, catalog, &ref);
}

bool plan_catalog_add(struct planner *planner, struct catalog_plan **catalog,
                      const struct table_ref *table, const struct asked_tables *asked,
                      bool wants_figures)
{
    struct catalog_builder all = {
        .planner = planner,
        .kind = catalog_find(table->name),
        .asked = asked,
        .place = planner->config->default_shard,
        .runs_on = plan_catalog_shard(planner),
        .wants_figures = wants_figures,
    };
    struct catalog_ref ref = {
        .span = table->name_span,
        .has_alias = table->alias.len > 0,
        .name = last_name(planner, table->name_span),
    };
    if (all.kind == NULL) {
        return false;
    }
    if (!build_ref(&all, &ref)) {
        return true;
    }
    return append_ref(planner, catalog, &ref);
}

// ---- SHOW

bool plan_show_catalog(struct planner *planner, bool is_status)
{
    const struct statement *statement = planner->statement;
    struct slice schema =
        statement->name_schema.len > 0 ? statement->name_schema : planner->request->database;
    struct asked_tables asked = {.schema = schema};
    struct catalog_builder all = {
        .planner = planner,
        .kind = catalog_find(slice_of_string(is_status ? "TABLES" : "TRIGGERS")),
        .asked = &asked,
        .place = planner->config->default_shard,
        .runs_on = plan_catalog_shard(planner),
        .wants_figures = is_status,
    };
    struct catalog_ref ref = {.name = slice_of_string(is_status ? "TABLES" : "TRIGGERS")};
    if (schema.len > 0 && build_ref(&all, &ref)) {
        if (!plan_may_rewrite(planner)) {
            return false;
        }
        struct catalog_plan *catalog =
            new_catalog(planner, is_status ? CATALOG_STATUS : CATALOG_TRIGGERS);
        catalog->refs[catalog->ref_count++] = ref;
        catalog->rest =
            slice_part(statement->text, statement->show_rest.begin, statement->show_rest.end);
        planner->plan->catalog = catalog;
        plan_because(planner, "the rows of all shards");
    }
    return plan_to(planner, all.runs_on);
}

bool plan_show_trigger(struct planner *planner)
{
    const struct config *config = planner->config;
    const struct table_ref *trigger = planner->statement->shown_trigger;
    struct slice schema = trigger->schema.len > 0 ? trigger->schema : planner->request->database;
    struct shard_set set = {0};
    struct text sql;
    for (uint16_t i = 0; i < config->table_count; i++) {
        bool has_home = config->tables[i].type == TABLE_UNSHARDED;
        set.bits |= has_home ? shard_set_of(config->tables[i].home).bits : 0;
    }
    set.bits &= ~shard_set_of(config->default_shard).bits;
    if (set.bits == 0 || schema.len == 0) {
        return plan_to(planner, config->default_shard);
    }
    struct catalog_plan *catalog = new_catalog(planner, CATALOG_PLACE);
    struct catalog_ref *ref = &catalog->refs[catalog->ref_count++];
    *ref = (struct catalog_ref){.kind = catalog_find(slice_of_string("TRIGGERS"))};
    ref->questions = arena_alloc(planner->arena, shard_set_count(set) * sizeof *ref->questions);
    text_init(&sql);
    text_add_string(&sql, "SELECT * FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ");
    sql_add_utf8mb3(&sql, schema);
    text_add_string(&sql, " AND TRIGGER_NAME = ");
    sql_add_utf8mb3(&sql, trigger->name);
    struct slice copy = arena_copy(planner->arena, text_slice(&sql));
    text_done(&sql);
    for (; set.bits != 0; set.bits &= set.bits - 1) {
        ref->questions[ref->question_count++] =
            (struct catalog_question){.shard = shard_set_first(set), .sql = copy};
    }
    planner->plan->catalog = catalog;
    return plan_to(planner, config->default_shard);
}
