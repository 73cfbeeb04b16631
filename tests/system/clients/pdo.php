<?php
// PHP's PDO: emulated and real prepared statements, buffered and not, transactions, attributes, errors.

function connect(array $options = [], string $charset = 'utf8mb4'): PDO
{
    $options += [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM];
    if (getenv('DB_TLS_CA')) {
        $options += [PDO::MYSQL_ATTR_SSL_CA => getenv('DB_TLS_CA'), PDO::MYSQL_ATTR_COMPRESS => true];
    }
    return new PDO('mysql:host=127.0.0.1;port=' . getenv('DB_PORT') . ';dbname=' . getenv('DB_NAME') . ";charset=$charset",
        getenv('DB_USER'), getenv('DB_PASSWORD'), $options);
}

function say(...$values): void
{
    echo json_encode($values, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}

function error_of(callable $what): void
{
    try {
        $what();
        say('no error');
    } catch (PDOException $error) {
        say($error->errorInfo[0], $error->errorInfo[1]);
    }
}

function play(PDO $db): void
{
    $db->exec('DROP TABLE IF EXISTS orders');
    $db->exec('DROP TABLE IF EXISTS notes');
    $db->exec('CREATE TABLE orders (order_id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT NOT NULL, amount DECIMAL(10,2),
        note VARCHAR(200), payload BLOB, bought DATETIME(6), ratio DOUBLE, KEY (buyer_id)) CHARACTER SET utf8mb4');
    $db->exec('CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50) UNIQUE)');
    $bytes = implode('', array_map('chr', range(0, 255)));
    $insert = $db->prepare('INSERT INTO orders (buyer_id, amount, note, payload, bought, ratio) VALUES (:b, :a, :n, :p, :t, :r)');
    for ($buyer = 1; $buyer <= 8; $buyer++) {
        $insert->bindValue(':b', $buyer, PDO::PARAM_INT);
        $insert->bindValue(':a', $buyer . '.05');
        $insert->bindValue(':n', $buyer % 2 ? "käse 🧀 '\"\\ $buyer" : null);
        $insert->bindValue(':p', $bytes, PDO::PARAM_LOB);
        $insert->bindValue(':t', "2026-02-0$buyer 01:02:03.000004");
        $insert->bindValue(':r', 0.1 * $buyer);
        $insert->execute();
        $id = $db->lastInsertId();
        $row = $db->query("SELECT buyer_id, amount, note, payload = " . $db->quote($bytes) . ", bought, ratio FROM orders WHERE order_id = $id")->fetch();
        say($id > 0, $row);
    }
    $select = $db->prepare('SELECT amount, note FROM orders WHERE buyer_id IN (?, ?, ?) ORDER BY buyer_id DESC');
    foreach ([[1, 5, 99], [2, 2, 7]] as $values) {
        $select->execute($values);
        say($select->columnCount(), $select->fetchAll());
    }
    $update = $db->prepare('UPDATE orders SET amount = amount + ? WHERE buyer_id = ?');
    $update->execute([1, 3]);
    say($update->rowCount(), $db->query('SELECT COUNT(*) FROM orders')->fetchColumn());
    $db->beginTransaction();
    $db->exec("DELETE FROM orders WHERE buyer_id = 4");
    say($db->inTransaction(), $db->query('SELECT COUNT(*) FROM orders WHERE buyer_id = 4')->fetchColumn());
    $db->rollBack();
    $db->beginTransaction();
    $db->exec("INSERT INTO orders (buyer_id, amount) VALUES (4, 1), (4, 2)");
    $db->commit();
    say($db->query('SELECT COUNT(*) FROM orders WHERE buyer_id = 4')->fetchColumn());
    $db->exec("INSERT INTO notes (word) VALUES ('one'), ('two')");
    say($db->lastInsertId());
    error_of(fn () => $db->exec("INSERT INTO notes (word) VALUES ('one')"));
    error_of(fn () => $db->query('SELEC 1'));
    error_of(fn () => $db->query('SELECT * FROM nowhere'));
    $meta = $db->query('SELECT order_id, note FROM orders WHERE buyer_id = 1');
    say($meta->getColumnMeta(1)['name'], $meta->getColumnMeta(1)['len'], $meta->getColumnMeta(0)['native_type']);
    $meta->closeCursor();
    say($db->query("SHOW COLUMNS FROM orders LIKE 'amount'")->fetchAll());
    $db->exec('DROP TABLE orders');
    $db->exec('DROP TABLE notes');
}

foreach ([true, false] as $emulate) {
    foreach ([true, false] as $buffered) {
        play(connect([PDO::ATTR_EMULATE_PREPARES => $emulate, PDO::MYSQL_ATTR_USE_BUFFERED_QUERY => $buffered]));
    }
}
$found = connect([PDO::MYSQL_ATTR_FOUND_ROWS => true, PDO::MYSQL_ATTR_INIT_COMMAND => "SET SESSION sql_mode = 'ANSI_QUOTES'"]);
$found->exec('CREATE TABLE notes (id INT PRIMARY KEY, word VARCHAR(50))');
$found->exec("INSERT INTO \"notes\" VALUES (1, 'same')");
say($found->exec("UPDATE notes SET word = 'same'"));
$latin = connect([], 'latin1');
$latin->exec("INSERT INTO notes VALUES (2, 'k\xe4se')");
say(connect()->query('SELECT word, HEX(word) FROM notes WHERE id = 2')->fetch());
$gbk = connect([], 'gbk');
$gbk->exec("ALTER TABLE notes CONVERT TO CHARACTER SET utf8mb4");
$statement = $gbk->prepare('INSERT INTO notes VALUES (3, ?)');
$statement->execute(["\xbf\x5c' OR 1"]);
say(connect()->query('SELECT word FROM notes WHERE id = 3')->fetch(), $gbk->query('SELECT HEX(word) FROM notes WHERE id = 3')->fetch());
$found->exec('DROP TABLE notes');
$pool = connect([PDO::ATTR_PERSISTENT => true]);
say($pool->getAttribute(PDO::ATTR_CONNECTION_STATUS), $pool->query('SELECT 1')->fetchColumn());
