<?php
// PHP's mysqli (mysqlnd): its own calls, each as an old shop would use it.

mysqli_report(MYSQLI_REPORT_OFF);

function say(...$values): void
{
    echo json_encode($values, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}

function connect(int $flags = 0): mysqli
{
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_INT_AND_FLOAT_NATIVE, 1);
    $db->options(MYSQLI_OPT_LOCAL_INFILE, 1);
    $db->options(MYSQLI_INIT_COMMAND, 'SET time_zone = "+02:00"');
    if (getenv('DB_TLS_CA')) {
        $db->ssl_set(null, null, getenv('DB_TLS_CA'), null, null);
        $flags |= MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_COMPRESS;
    }
    $db->real_connect('127.0.0.1', getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'), (int)getenv('DB_PORT'), null, $flags);
    $db->set_charset('utf8mb4');
    return $db;
}

function prepared(mysqli $db): void
{
    $statement = $db->prepare('INSERT INTO orders (buyer_id, amount, note, payload) VALUES (?, ?, ?, ?)');
    for ($buyer = 1; $buyer <= 6; $buyer++) {
        $amount = "$buyer.50";
        $note = $buyer == 3 ? null : "übung 🦆 $buyer";
        $payload = null;
        $statement->bind_param('issb', $buyer, $amount, $note, $payload);
        $statement->send_long_data(3, str_repeat(chr($buyer), 1000));
        $statement->send_long_data(3, "\0end");
        say($statement->execute(), $statement->affected_rows, $statement->insert_id > 0);
    }
    $statement->close();
    $statement = $db->prepare('SELECT buyer_id, amount, note, LENGTH(payload) FROM orders WHERE buyer_id > ? ORDER BY buyer_id');
    foreach ([1, 4] as $least) {
        $statement->bind_param('i', $least);
        $statement->execute();
        $statement->store_result();
        $statement->bind_result($buyer, $amount, $note, $length);
        say($statement->num_rows, $statement->field_count);
        while ($statement->fetch()) {
            say($buyer, $amount, $note, $length);
        }
        $statement->free_result();
    }
    $least = 5;
    $statement->execute();
    say($statement->get_result()->fetch_all(MYSQLI_ASSOC));
    $statement->reset();
    say($db->prepare('SELECT nothing FROM orders'), $db->errno);
}

function texts(mysqli $db): void
{
    say($db->query("UPDATE orders SET amount = amount * 2 WHERE buyer_id = 1"), $db->affected_rows, $db->info);
    say($db->query("INSERT INTO notes (word) VALUES ('a'), ('b'), ('c')"), $db->insert_id, $db->affected_rows, $db->info);
    say($db->query("INSERT INTO notes (word) VALUES ('b')"), $db->errno, $db->sqlstate);
    $db->query("INSERT IGNORE INTO notes (word) VALUES ('b')");
    say($db->warning_count, $db->get_warnings()->errno);
    $result = $db->query('SELECT buyer_id, amount FROM orders ORDER BY buyer_id DESC', MYSQLI_USE_RESULT);
    say($result->fetch_row(), $result->fetch_field_direct(1)->decimals, $result->fetch_field_direct(0)->orgtable);
    $result->free();
    $result = $db->query('SELECT * FROM notes');
    $result->data_seek(2);
    say($result->num_rows, $result->fetch_object()->word);
    say($db->real_escape_string("a'b\"c\\d\ne\0"), $db->character_set_name());
    $db->autocommit(false);
    $db->query('DELETE FROM notes');
    $db->rollback();
    $db->begin_transaction(MYSQLI_TRANS_START_READ_ONLY);
    say($db->query('SELECT COUNT(*) FROM notes')->fetch_row(), $db->query('DELETE FROM notes'), $db->errno);
    $db->commit();
    $db->autocommit(true);
    $db->savepoint('s');
    say($db->select_db('nowhere'), $db->errno, $db->select_db(getenv('DB_NAME')), $db->ping(), $db->stat() !== false);
    say($db->query('SELECT @@time_zone')->fetch_row(), $db->thread_id > 0, $db->server_version > 50000);
    say($db->change_user(getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME')), $db->query('SELECT COUNT(*) FROM notes')->fetch_row());
    say($db->change_user(getenv('DB_USER'), 'wrong', ''), $db->errno);
}

function loads(mysqli $db): void
{
    $path = tempnam(sys_get_temp_dir(), 'load');
    file_put_contents($path, "buyer,amount,note\n" . implode('', array_map(fn($n) => "$n,$n.25,\"nöte \"\"$n\"\"\"\n", range(100, 399))));
    $load = "LOAD DATA LOCAL INFILE '$path' INTO TABLE orders CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' ENCLOSED BY '\"'
        IGNORE 1 LINES (buyer_id, amount, note)";
    say($db->query($load), $db->affected_rows, $db->info, $db->warning_count);
    say($db->query('SELECT COUNT(*) FROM orders WHERE buyer_id >= 100')->fetch_row(),
        $db->query('SELECT amount, note FROM orders WHERE buyer_id = 222')->fetch_row());
    unlink($path);
    say(@$db->query($load), $db->errno, $db->query('SELECT COUNT(*) FROM orders WHERE buyer_id >= 100')->fetch_row());
}

function later(mysqli $db, mysqli $other): void
{
    $db->query('SELECT COUNT(*) FROM orders', MYSQLI_ASYNC);
    $other->query("SELECT 'other'", MYSQLI_ASYNC);
    $waiting = [$db, $other];
    $answers = [];
    while ($waiting) {
        $read = $error = $reject = $waiting;
        mysqli_poll($read, $error, $reject, 5);
        foreach ($read as $one) {
            $answers[] = $one->reap_async_query()->fetch_row()[0];
            unset($waiting[array_search($one, $waiting, true)]);
        }
    }
    sort($answers);
    say($answers);
}

$db = connect();
$db->query('DROP TABLE IF EXISTS orders');
$db->query('DROP TABLE IF EXISTS notes');
$db->query('CREATE TABLE orders (order_id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT NOT NULL, amount DECIMAL(10,2),
    note VARCHAR(200), payload MEDIUMBLOB, KEY (buyer_id)) CHARACTER SET utf8mb4');
$db->query('CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50) UNIQUE)');
prepared($db);
later($db, connect());
texts($db);
loads(connect());
$db = connect(MYSQLI_CLIENT_FOUND_ROWS | MYSQLI_CLIENT_INTERACTIVE);
say($db->query("UPDATE notes SET word = word WHERE id = 1"), $db->affected_rows);
$db->query('DROP TABLE orders');
$db->query('DROP TABLE notes');
