// etc/waybill.ini and doc/settings.md, from the rows of the tables. The ini is a working
// configuration of two shards, with every setting of [waybill] there as a comment that has its
// default.

#include "cluster/config_impl.h"

enum { COLUMNS = 100 };

// The help as comment lines, broken at blanks.
static void write_comment(struct text *out, const char *help)
{
    while (*help != '\0') {
        size_t len = strlen(help);
        size_t room = COLUMNS - 2;
        if (len > room) {
            len = room;
            while (help[len] != ' ') {
                len--;
            }
        }
        text_add_format(out, "# %.*s\n", (int)len, help);
        help += len;
        help += *help == ' ';
    }
}

static void write_limits(struct text *out, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_INTEGER:
        text_add_format(out, "%lld..%lld", (long long)setting->min, (long long)setting->max);
        return;
    case SETTING_BOOL:
        text_add_string(out, "on, off");
        return;
    case SETTING_CHOICE:
        for (const char *at = setting->choices; *at != '\0'; at++) {
            text_add_string(out, *at == '|' ? ", " : (const char[]){*at, '\0'});
        }
        return;
    case SETTING_TEXT:
    case SETTING_SECRET:
        text_add_string(out, "text");
        return;
    }
}

static void write_ini_settings(struct text *out)
{
    size_t count = 0;
    const struct setting *settings = setting_table(&count);
    for (size_t i = 0; i < count; i++) {
        text_add_string(out, "\n");
        write_comment(out, settings[i].help);
        text_add_string(out, "# (");
        write_limits(out, &settings[i]);
        text_add_string(out, settings[i].is_reloadable ? ")\n" : "; needs a restart)\n");
        const char *value = settings[i].default_text;
        text_add_format(out, ";%s =%s%s\n", settings[i].name, value[0] != '\0' ? " " : "", value);
    }
}

static void write_ini_sections(struct text *out, enum section_kind kind)
{
    size_t count = 0;
    const struct section_setting *rows = section_settings(&count);
    text_add_format(out, "\n# ---- [%s %s]\n#\n", section_kind_name(kind),
                    kind == SECTION_TABLE ? "SCHEMA.NAME" : "NAME");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == kind) {
            struct text line;
            text_init(&line);
            text_add_format(&line, "%s = %s", rows[i].name, rows[i].form);
            if (rows[i].default_text[0] != '\0') {
                text_add_format(&line, " (default: %s)", rows[i].default_text);
            }
            text_add_format(&line, ". %s", rows[i].help);
            text_add(&line, "", 1);
            write_comment(out, (const char *)line.ptr);
            text_done(&line);
        }
    }
    text_add_string(out, "\n");
}

static const char *const examples[SECTION_KINDS] = {
    [SECTION_WAYBILL] = "",
    [SECTION_SERVER] = "[server a1]\naddress = 127.0.0.1:3301\n\n"
                       "[server a2]\naddress = 127.0.0.1:3302\n\n"
                       "[server b1]\naddress = 127.0.0.1:3311\n\n"
                       "[server b2]\naddress = 127.0.0.1:3312\n",
    [SECTION_SHARD] = "[shard a]\nservers = a1, a2\nbuckets = 0-2047\n\n"
                      "[shard b]\nservers = b1, b2\nbuckets = 2048-4095\n",
    [SECTION_USER] = "[user app]\npassword = change_me\nserver_user = app\n"
                     "server_password = change_me_too\ndefault_schema = shop\n",
    [SECTION_TABLE] = "[table shop.orders]\nmethod = bucket\nkey = buyer_id\nid = order_id\n\n"
                      "[table shop.order_items]\nwith = shop.orders\nid = order_id\n\n"
                      "[table shop.products]\ntype = reference\n\n"
                      "[table shop.inventory]\ntype = unsharded\nshard = a\n\n"
                      "[table shop.events]\nmethod = date\nkey = day\nunit = month\n"
                      "ranges = ..2024-12:a, 2025-01..:b\n",
    [SECTION_INDEX] = "[index shop.orders.seller]\ntable = shop.orders\ncolumn = seller_id\n",
};

void settings_write_ini(struct text *out)
{
    text_add_string(out,
                    "# waybill: the configuration, with every setting and its default. Made by\n"
                    "# `waybill --print-ini` from the program's own tables; `waybill --check FILE` "
                    "checks one.\n"
                    "#\n"
                    "# A comment begins with # or ; at the start of a line or behind a blank. A "
                    "value with such a\n"
                    "# sign in it is written in double quotes (a quote inside is doubled).\n"
                    "\n[waybill]\n");
    write_ini_settings(out);
    for (int kind = SECTION_SERVER; kind < SECTION_KINDS; kind++) {
        write_ini_sections(out, (enum section_kind)kind);
        text_add_string(out, examples[kind]);
    }
}

// A cell of a table: the sign that parts cells is written so that it does not.
static void write_cell(struct text *out, const char *cell)
{
    for (; *cell != '\0'; cell++) {
        text_add_string(out, *cell == '|' ? "\\|" : (const char[]){*cell, '\0'});
    }
}

static void write_markdown_settings(struct text *out)
{
    size_t count = 0;
    const struct setting *settings = setting_table(&count);
    text_add_string(out, "\n## [waybill]\n\n| setting | default | values | takes a restart | |\n"
                         "|---|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        const char *quote = settings[i].default_text[0] != '\0' ? "`" : "";
        text_add_format(out, "| `%s` | %s%s%s | ", settings[i].name, quote,
                        settings[i].default_text, quote);
        write_limits(out, &settings[i]);
        text_add_format(out, " | %s | ", settings[i].is_reloadable ? "" : "yes");
        write_cell(out, settings[i].help);
        text_add_string(out, " |\n");
    }
}

static void write_markdown_sections(struct text *out, enum section_kind kind)
{
    size_t count = 0;
    const struct section_setting *rows = section_settings(&count);
    text_add_format(out, "\n## [%s %s]\n\n| setting | value | default | |\n|---|---|---|---|\n",
                    section_kind_name(kind), kind == SECTION_TABLE ? "SCHEMA.NAME" : "NAME");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == kind) {
            text_add_format(out, "| `%s` | `", rows[i].name);
            write_cell(out, rows[i].form);
            text_add_format(out, "` | %s | ", rows[i].default_text);
            write_cell(out, rows[i].help);
            text_add_string(out, " |\n");
        }
    }
}

void settings_write_markdown(struct text *out)
{
    text_add_string(out,
                    "# Settings\n\nMade by `waybill --print-settings` from the program's own "
                    "tables. A setting that takes no restart is\nchanged in the file and taken "
                    "over by `RELOAD` on the admin port or by SIGHUP; a file with a mistake\n"
                    "changes nothing.\n");
    write_markdown_settings(out);
    for (int kind = SECTION_SERVER; kind < SECTION_KINDS; kind++) {
        write_markdown_sections(out, (enum section_kind)kind);
    }
}
