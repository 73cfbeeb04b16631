#!/usr/bin/perl
# Perl's DBI with DBD::mysql: client-side and server-side prepared statements, mysql_use_result, transactions, meta data.
use strict;
use warnings;
use utf8;
use DBI;
binmode STDOUT, ':utf8';

sub connect_db {
    my ($options) = @_;
    $options .= ";mysql_ssl=1;mysql_ssl_optional=1;mysql_ssl_ca_file=$ENV{DB_TLS_CA};mysql_compression=1" if $ENV{DB_TLS_CA};
    return DBI->connect("DBI:mysql:database=$ENV{DB_NAME};host=127.0.0.1;port=$ENV{DB_PORT}$options", $ENV{DB_USER}, $ENV{DB_PASSWORD},
        { RaiseError => 1, PrintError => 0, mysql_enable_utf8mb4 => 1, AutoCommit => 1 });
}

sub say_all { print join(' | ', map { defined $_ ? $_ : 'NULL' } @_), "\n"; }

sub play {
    my ($db) = @_;
    $db->do("DROP TABLE IF EXISTS $_") for qw(orders notes);
    $db->do('CREATE TABLE orders (order_id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT NOT NULL, amount DECIMAL(10,2),
        note VARCHAR(200), bought DATE, KEY (buyer_id)) CHARACTER SET utf8mb4');
    $db->do('CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50) UNIQUE)');
    my $insert = $db->prepare('INSERT INTO orders (buyer_id, amount, note, bought) VALUES (?, ?, ?, ?)');
    for my $buyer (1 .. 7) {
        $insert->execute($buyer, "$buyer.25", $buyer % 3 ? "straße 🦆 '$buyer" : undef, "2026-03-0$buyer");
        my $id = $db->last_insert_id(undef, undef, 'orders', 'order_id');
        say_all($id > 0 && $id == $insert->{mysql_insertid} ? 'id' : 'no id',
            $db->selectrow_array('SELECT buyer_id, amount, note, bought FROM orders WHERE order_id = ?', undef, $id));
    }
    my $select = $db->prepare('SELECT buyer_id, amount FROM orders WHERE buyer_id >= ? ORDER BY amount DESC LIMIT 3');
    for my $least (1, 5, 9) {
        $select->execute($least);
        say_all(@{ $select->{NAME} }, @{ $select->{mysql_type_name} });
        say_all($select->rows, map { "@$_" } @{ $select->fetchall_arrayref });
    }
    say_all($db->do('UPDATE orders SET note = NULL WHERE buyer_id = 2'), $db->do('UPDATE orders SET note = NULL WHERE buyer_id = 77'), $db->{mysql_info});
    $db->begin_work;
    $db->do('DELETE FROM orders WHERE buyer_id = 1');
    $db->rollback;
    $db->{AutoCommit} = 0;
    $db->do('INSERT INTO orders (buyer_id, amount) VALUES (1, 2), (1, 3)');
    $db->commit;
    $db->{AutoCommit} = 1;
    say_all($db->selectrow_array('SELECT COUNT(*), SUM(amount) FROM orders WHERE buyer_id = 1'));
    $db->do("INSERT INTO notes (word) VALUES ('x')");
    for my $wrong ("INSERT INTO notes (word) VALUES ('x')", 'SELEC 1', 'SELECT * FROM nowhere') {
        eval { $db->do($wrong) };
        say_all($db->err, $db->state);
    }
    say_all(sort map { s/`//gr =~ s/.*\.//r } $db->tables(undef, undef, '%', 'TABLE'));
    say_all($db->primary_key(undef, undef, 'orders'), map { $_->[3] . ' ' . $_->[5] } @{ $db->column_info(undef, undef, 'orders', '%')->fetchall_arrayref });
    say_all($db->ping ? 'alive' : 'dead', $db->{mysql_thread_id} > 0 ? 'has id' : 'no id');
    $db->do("DROP TABLE $_") for qw(orders notes);
    $db->disconnect;
}

play(connect_db($_)) for '', ';mysql_server_prepare=1', ';mysql_use_result=1';
