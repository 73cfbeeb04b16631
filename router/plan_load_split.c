// LOAD DATA LOCAL into a sharded table: how its file is to be cut, and the text that each shard
// gets with its rows.
//
//     LOAD DATA LOCAL INFILE 'f' INTO TABLE orders IGNORE 1 LINES (buyer_id, amount)
//     each shard:  ...           INTO TABLE orders (`id`, buyer_id, amount)
//
// The skipped lines are waybill's to skip. A list of columns that was left out is written out as
// the server has just told it, so that an ALTER TABLE in between can't move the fields. Ids that
// waybill makes are a field in front of the row.

#include "cluster/row_id.h"
#include "router/load_split.h"
#include "router/plan_impl.h"

static bool refuse_write(struct planner *planner, const char *why)
{
    return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                       "LOAD DATA into table %s, whose rows are on several shards: %s",
                       scope_table_name(planner->arena, planner->load_target), why);
}

static int byte_of(struct slice text)
{
    return text.len == 0 ? LOAD_NO_BYTE : text.ptr[0];
}

// ---- how the file is cut

// In swe7 and armscii8 not all of ASCII is ASCII, so a key could be another text.
static bool is_like_ascii(struct slice name)
{
    const struct charset *charset = charset_find(name);
    return charset != NULL && charset->is_client_allowed && !slice_is_nocase(name, "swe7") &&
           !slice_is_nocase(name, "armscii8");
}

static bool read_charset(struct planner *planner, struct load_rules *rules)
{
    const struct load_part *load = planner->statement->load;
    const struct table_columns *columns = planner->request->columns;
    struct slice name = load->charset.len > 0 ? load->charset : columns->charset;
    rules->charset = charset_find(name);
    if (!is_like_ascii(name)) {
        return refuse_write(planner, "waybill can't read files in its character set. Convert the "
                                     "file, and say CHARACTER SET utf8mb4");
    }
    if (!is_like_ascii(columns->connection)) { // ',' would be two bytes
        return refuse_write(planner, "its separators are in the character set of the connection, "
                                     "which is not like ASCII: SET NAMES utf8mb4");
    }
    return true;
}

static bool read_rules(struct planner *planner, struct load_rules *rules)
{
    const struct load_part *load = planner->statement->load;
    bool has_escape = load->is_escaped_given || !planner->request->has_no_escapes;
    if (load->escaped.len > 1 || load->enclosed.len > 1) {
        return plan_refuse(planner, ER_WRONG_FIELD_TERMINATORS, "%s", "");
    }
    if (!slice_is_ascii(load->field_end) || !slice_is_ascii(load->line_end) ||
        !slice_is_ascii(load->line_start) || !slice_is_ascii(load->enclosed) ||
        !slice_is_ascii(load->escaped)) {
        return refuse_write(planner, "separators beyond ASCII depend on the server's character "
                                     "sets: use others");
    }
    if (load->field_end.len == 0 && load->enclosed.len == 0) {
        return refuse_write(planner, "a file of fixed-length fields is cut by the servers' widths "
                                     "of columns: give it FIELDS TERMINATED BY");
    }
    if (load->skipped_lines > 0 && load->line_end.len == 0 && load->line_start.len > 0) {
        return refuse_write(planner, "IGNORE ... LINES without LINES TERMINATED BY makes the "
                                     "servers miss the next LINES STARTING BY: cut the lines off");
    }
    int escape = byte_of(load->escaped);
    if (escape != LOAD_NO_BYTE && escape == byte_of(load->enclosed) &&
        (escape == byte_of(load->field_end) || escape == byte_of(load->line_end))) {
        return refuse_write(planner, "with a quote that is also the escape and begins a separator, "
                                     "where a row ends depends on the next one: use others");
    }
    *rules = (struct load_rules){
        .field_end = load->field_end,
        .line_end = load->line_end,
        .line_start = load->line_start,
        .enclosed = byte_of(load->enclosed),
        .escape = has_escape ? byte_of(load->escaped) : LOAD_NO_BYTE,
        .skipped_lines = load->skipped_lines,
        .wanted = {LOAD_NO_FIELD, LOAD_NO_FIELD},
    };
    return read_charset(planner, rules);
}

// ---- its fields

// The place of the field; LOAD_NO_FIELD: it has none. False when it is there twice.
static bool find_field(struct planner *planner, const char *name, int32_t *place)
{
    const struct load_part *load = planner->statement->load;
    const struct table_columns *columns = planner->request->columns;
    uint32_t count = load->column_count > 0 ? load->column_count : columns->visible_count;
    *place = LOAD_NO_FIELD;
    for (uint32_t i = 0; i < count; i++) {
        bool is_variable = load->column_count > 0 && load->columns[i].is_variable;
        struct slice one = load->column_count > 0 ? load->columns[i].name : columns->items[i].name;
        if (is_variable || !slice_is_nocase(one, name)) {
            continue;
        }
        if (*place != LOAD_NO_FIELD) {
            return plan_refuse(planner, ER_SHARD_KEY, "LOAD DATA names column `%s` twice", name);
        }
        *place = (int32_t)i;
    }
    return true;
}

// As the servers say it, before the client is asked for the file.
static bool check_names(struct planner *planner)
{
    const struct load_part *load = planner->statement->load;
    for (uint32_t i = 0; i < load->column_count; i++) {
        const struct load_column *column = &load->columns[i];
        if (!column->is_variable && slice_is_ascii(column->name) &&
            columns_find(planner->request->columns, column->name) == NULL) {
            return plan_refuse(planner, ER_BAD_FIELD, "%.*s", (int)column->name.len,
                               (const char *)column->name.ptr);
        }
    }
    return true;
}

static bool find_column(struct planner *planner, const char *name, struct table_column *column)
{
    const struct table_column *found =
        columns_find(planner->request->columns, slice_of_string(name));
    if (found == NULL) {
        return plan_refuse(planner, ER_SHARD_KEY, "Table %s has no column `%s` on its servers",
                           scope_table_name(planner->arena, planner->load_target), name);
    }
    *column = *found;
    return true;
}

// Does the server store what stands in the file, or nothing that waybill can tell?
static bool is_plain_type(enum key_type type, struct slice name)
{
    static const char *const names[][12] = {
        [KEY_INTEGER] = {"tinyint", "smallint", "mediumint", "int", "bigint", "year"},
        [KEY_STRING] = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary",
                        "varbinary", "tinyblob", "blob", "mediumblob", "longblob"},
        [KEY_BINARY] = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary",
                        "varbinary", "tinyblob", "blob", "mediumblob", "longblob"},
        [KEY_DATE] = {"date", "datetime"},
    };
    for (size_t i = 0; i < 12 && names[type][i] != NULL; i++) {
        if (slice_is_nocase(name, names[type][i])) {
            return true;
        }
    }
    return false;
}

static bool read_key(struct planner *planner, struct load_split *split)
{
    const struct table_config *table = planner->load_target->config;
    if (table->key == NULL) {
        return true;
    }
    if (!find_column(planner, table->key, &split->key) ||
        !find_field(planner, table->key, &split->rules.wanted[0])) {
        return false;
    }
    if (split->rules.wanted[0] == LOAD_NO_FIELD) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "LOAD DATA into table %s must read its shard key `%s` from the file: "
                           "name it in the column list",
                           scope_table_name(planner->arena, planner->load_target), table->key);
    }
    if (!is_plain_type(table->key_type, split->key.type)) {
        return refuse_write(planner, "the type of its shard key's column may change the values on "
                                     "their way: insert the rows by INSERT");
    }
    return true;
}

// Can an id and a separator stand in front of a row, and be read as such?
static bool can_have_made_field(const struct load_rules *rules)
{
    const struct slice *ends[] = {&rules->field_end, &rules->line_end};
    int bytes[] = {rules->enclosed, rules->escape, byte_of(rules->field_end),
                   byte_of(rules->line_end)};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        if (bytes[i] >= '0' && bytes[i] <= '9') {
            return false;
        }
    }
    bool is_cut_off = ends[1]->len > 0 && ends[1]->len < ends[0]->len &&
                      memcmp(ends[0]->ptr, ends[1]->ptr, ends[1]->len) == 0;
    return ends[0]->len > 0 && !is_cut_off && rules->escape != ends[0]->ptr[0];
}

// What the file has of them waybill would have to read before it makes others.
static bool read_row_id(struct planner *planner, struct load_split *split)
{
    const struct table_config *table = planner->load_target->config;
    const struct assignment *one = planner->statement->load->set;
    int32_t place = LOAD_NO_FIELD;
    if (!find_field(planner, table->row_ids->column, &place)) {
        return false;
    }
    bool is_given = place != LOAD_NO_FIELD;
    for (; one != NULL; one = one->next) {
        is_given |= row_id_is_column(table, one->column->name);
    }
    split->row_ids = table->row_ids;
    split->makes_ids = true;
    if (is_given) {
        return refuse_write(planner,
                            "the numbers of its row_id column are made by waybill: name the "
                            "other columns only, or load the file into another table and "
                            "INSERT ... SELECT from there");
    }
    return can_have_made_field(&split->rules) ||
           refuse_write(planner,
                        "with such separators waybill can't put the ids that it makes into "
                        "the rows: use FIELDS TERMINATED BY ','");
}

static bool read_id(struct planner *planner, struct load_split *split)
{
    const struct table_config *table = planner->load_target->config;
    if (table->row_ids != NULL) {
        return read_row_id(planner, split);
    }
    if (table->id_column == NULL) {
        return true;
    }
    if (!find_column(planner, table->id_column, &split->id) ||
        !find_field(planner, table->id_column, &split->rules.wanted[1])) {
        return false;
    }
    if (!slice_is_nocase(split->id.type, "bigint")) {
        return plan_refuse(planner, ER_SHARD_KEY, "Column `%s` is no BIGINT, so it can't hold ids",
                           table->id_column);
    }
    split->makes_ids = split->rules.wanted[1] == LOAD_NO_FIELD;
    if (split->makes_ids && (!table->makes_ids || table->key == NULL)) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "LOAD DATA into table %s must read `%s` from the file, by which its "
                           "rows are found: name it in the column list",
                           scope_table_name(planner->arena, planner->load_target),
                           table->id_column);
    }
    if (split->makes_ids && !can_have_made_field(&split->rules)) {
        return refuse_write(planner, "with such separators waybill can't put the ids that it makes "
                                     "into the rows: use FIELDS TERMINATED BY ','");
    }
    return true;
}

// Which fields are text to the server.
static const bool *text_fields(struct planner *planner, uint32_t count)
{
    static const char *const types[] = {"char",       "varchar",  "tinytext", "text",
                                        "mediumtext", "longtext", "enum",     "set"};
    const struct load_part *load = planner->statement->load;
    const struct table_columns *columns = planner->request->columns;
    bool *is_text = arena_alloc(planner->arena, count * sizeof *is_text);
    for (uint32_t i = 0; i < count; i++) {
        const struct table_column *column = &columns->items[i];
        if (load->column_count > 0) {
            column =
                load->columns[i].is_variable ? NULL : columns_find(columns, load->columns[i].name);
        }
        for (size_t k = 0; column != NULL && k < sizeof types / sizeof types[0]; k++) {
            is_text[i] |= slice_is_nocase(column->type, types[k]);
        }
    }
    return is_text;
}

// ---- what each shard would do for itself

static bool sets_variable(const struct expr *expr)
{
    bool does = expr->kind == EXPR_BINARY && expr->op == OP_ASSIGN;
    for (uint32_t i = 0; i < expr->child_count && !does; i++) {
        does = sets_variable(expr->children[i]);
    }
    return does;
}

static bool check_set(struct planner *planner)
{
    static const uint32_t variables = FACT_READS_USER_VARIABLE | FACT_SETS_USER_VARIABLE;
    struct statement others = *planner->statement; // what else is in it
    others.facts &= ~variables;
    const char *part = plan_single_server_part(&others);
    struct reach reach;
    for (const struct assignment *one = planner->statement->load->set; one != NULL;
         one = one->next) {
        if (scope_attribute(planner->load_target, one->column->name) != ATTRIBUTE_NONE) {
            return refuse_write(planner, "SET may not change the column by which its rows are "
                                         "placed: name it in the column list");
        }
        if (sets_variable(one->value)) {
            part = "@variable := ...";
        }
    }
    scopes_add_rest(&planner->scopes, planner->statement);
    scopes_reach(&planner->scopes, &reach);
    if (part != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "LOAD DATA into table %s runs on each shard with its part of the rows, "
                           "and %s would be another one on each",
                           scope_table_name(planner->arena, planner->load_target), part);
    }
    if (planner->scopes.is_too_large || reach.has_sharded || reach.has_home || reach.has_system) {
        return refuse_write(planner, "its subqueries may read reference tables only");
    }
    return true;
}

// ---- the shards' text

static struct slice text_of_shards(struct planner *planner, const struct load_split *split)
{
    const struct load_part *load = planner->statement->load;
    const struct table_config *table = planner->load_target->config;
    const char *id = table->row_ids != NULL ? table->row_ids->column : table->id_column;
    struct splice splices[2];
    size_t count = 0;
    if (load->skipped_span.end > load->skipped_span.begin) {
        splices[count++] = (struct splice){.span = load->skipped_span};
    }
    if (load->column_count == 0) {
        splices[count++] =
            (struct splice){.span = load->columns_span,
                            .with = columns_list(planner->arena, planner->request->columns)};
    } else if (split->makes_ids) {
        uint32_t at = load->columns_span.begin + 1; // behind the parenthesis
        splices[count++] =
            (struct splice){.span = {at, at}, .with = arena_format(planner->arena, "`%s`, ", id)};
    }
    return count == 0 ? slice_of(NULL, 0)
                      : splice_text(planner->arena, planner->statement->text, splices, count);
}

bool plan_load_split(struct planner *planner, const struct scope_ref *target)
{
    const struct load_part *load = planner->statement->load;
    const struct table_config *table = target->config;
    const struct route_request *request = planner->request;
    planner->load_target = target;
    if (load->is_xml) {
        return refuse_write(planner, "waybill can't split XML by rows: use LOAD DATA");
    }
    if (request->is_prepared && request->params == NULL) { // it was only PREPAREd
        return plan_to(planner, plan_any_shard(planner));
    }
    struct shard_set shards = sharding_of_table(planner->config, table);
    planner->plan->wants_columns = request->columns == NULL;
    if (planner->plan->wants_columns) {
        plan_because(planner,
                     "each row of the file goes to the shard of its %s; a server is asked "
                     "first for the columns of the table",
                     plan_key_columns(planner, table));
        return plan_to_all(planner, shards, MERGE_OK);
    }
    if (load->column_count == 0 && request->columns->may_lack_some) {
        return plan_needs_list(planner);
    }
    struct load_split *split = arena_alloc(planner->arena, sizeof *split);
    split->schema = arena_copy(planner->arena, slice_of_string(table->schema));
    split->table = arena_copy(planner->arena, slice_of_string(table->name));
    split->sharding = sharding_fingerprint(planner->config, table);
    split->hint_shard = planner->hint_shard;
    if (!read_rules(planner, &split->rules) || !check_names(planner) || !read_key(planner, split) ||
        !read_id(planner, split) || !check_set(planner) ||
        !plan_to_all(planner, shards, MERGE_OK)) {
        return false;
    }
    split->rules.field_count =
        load->column_count > 0 ? load->column_count : request->columns->visible_count;
    split->rules.is_text = text_fields(planner, split->rules.field_count);
    struct slice sql = text_of_shards(planner, split);
    if (sql.ptr != NULL && !plan_may_rewrite(planner)) {
        return false;
    }
    for (uint16_t i = 0; i < planner->plan->target_count; i++) {
        planner->plan->targets[i].sql = sql;
    }
    planner->plan->split = split;
    return true;
}
