// node: mysql2 (text and binary protocol, pool) and Sequelize on top of it.
const mysql = require('mysql2/promise')
const { Sequelize, DataTypes, Op } = require('sequelize')

const { DB_PORT, DB_USER, DB_PASSWORD, DB_NAME } = process.env
const hop = process.env.DB_TLS_CA ? { ssl: { ca: require('fs').readFileSync(process.env.DB_TLS_CA) }, compress: true } : {}
const address = { host: '127.0.0.1', port: Number(DB_PORT), user: DB_USER, password: DB_PASSWORD, database: DB_NAME, ...hop }
const say = (...values) => console.log(JSON.stringify(values))

async function errorOf (promise) {
  try { await promise; say('no error') } catch (error) { say((error.parent || error).errno, (error.parent || error).sqlState) }
}

async function playMysql2 () {
  const pool = mysql.createPool({ ...address, charset: 'utf8mb4', connectionLimit: 3, decimalNumbers: false, dateStrings: true })
  for (const table of ['orders', 'notes']) await pool.query('DROP TABLE IF EXISTS ' + table)
  await pool.query(`CREATE TABLE orders (order_id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT NOT NULL, amount DECIMAL(10,2),
    note VARCHAR(200), payload BLOB, bought DATETIME(3), KEY (buyer_id)) CHARACTER SET utf8mb4`)
  await pool.query('CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50) UNIQUE)')
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  for (let buyer = 1; buyer <= 6; buyer++) {
    const call = buyer % 2 ? 'execute' : 'query'
    const [done] = await pool[call]('INSERT INTO orders (buyer_id, amount, note, payload, bought) VALUES (?, ?, ?, ?, ?)',
      [buyer, buyer + '.75', buyer === 4 ? null : 'fjällräven 🦊 ' + buyer, bytes, '2026-05-06 07:08:09.123'])
    say(done.affectedRows, done.insertId > 0)
  }
  for (const call of ['query', 'execute']) {
    const [rows] = await pool[call]('SELECT buyer_id, amount, note, payload, bought FROM orders WHERE buyer_id <= ? ORDER BY buyer_id', [4])
    say(rows.map(row => [row.buyer_id, row.amount, row.note, row.payload.equals(bytes), row.bought]))
  }
  const all = await Promise.all([1, 2, 3, 4, 5, 6].map(buyer => pool.execute('SELECT amount FROM orders WHERE buyer_id = ?', [buyer])))
  say(all.map(([rows]) => rows[0].amount))
  const connection = await pool.getConnection()
  await connection.beginTransaction()
  await connection.execute('UPDATE orders SET amount = 0 WHERE buyer_id = ?', [1])
  await connection.rollback()
  await connection.beginTransaction()
  const [changed] = await connection.execute('UPDATE orders SET amount = amount + 1 WHERE buyer_id = ?', [2])
  await connection.commit()
  say(changed.changedRows, (await connection.query('SELECT amount FROM orders WHERE buyer_id IN (1, 2) ORDER BY buyer_id'))[0])
  await connection.query("INSERT INTO notes (word) VALUES ('one')")
  await errorOf(connection.query("INSERT INTO notes (word) VALUES ('one')"))
  await errorOf(connection.execute('SELEC 1'))
  await errorOf(connection.query('SELECT * FROM nowhere'))
  const file = require('stream').Readable.from([...Array(300).keys()].map(n => Buffer.from(`${n + 100};${n}.5;nøte ${n}\n`)))
  const [loaded] = await connection.query({
    sql: "LOAD DATA LOCAL INFILE 'any' INTO TABLE orders CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';' (buyer_id, amount, note)",
    infileStreamFactory: () => file
  })
  say(loaded.affectedRows, loaded.info, (await connection.query('SELECT note, amount FROM orders WHERE buyer_id = 177'))[0])
  await connection.changeUser({ user: DB_USER, password: DB_PASSWORD, database: DB_NAME })
  await connection.ping()
  connection.release()
  for (const table of ['orders', 'notes']) await pool.query('DROP TABLE ' + table)
  await pool.end()
}

async function playSequelize () {
  const db = new Sequelize(DB_NAME, DB_USER, DB_PASSWORD, { host: '127.0.0.1', port: Number(DB_PORT), dialect: 'mysql', logging: false, dialectOptions: hop })
  const Good = db.define('Good', { name: { type: DataTypes.STRING(100), unique: true }, price: DataTypes.DECIMAL(10, 2) }, { tableName: 'goods', timestamps: false })
  const Order = db.define('Order', {
    orderId: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true, field: 'order_id' },
    buyerId: { type: DataTypes.BIGINT, allowNull: false, field: 'buyer_id' },
    amount: DataTypes.DECIMAL(10, 2),
    details: DataTypes.JSON
  }, { tableName: 'orders' })
  Order.belongsTo(Good)
  await db.sync({ force: true })
  const tea = await Good.create({ name: 'tea 🍵', price: '3.50' })
  for (let buyer = 1; buyer <= 6; buyer++) {
    const order = await Order.create({ buyerId: buyer, amount: buyer + '.10', GoodId: tea.id, details: { gift: buyer % 2 === 0, ü: ['🦊'] } })
    await order.update({ amount: buyer + '.20' })
  }
  const found = await Order.findAll({ include: Good, where: { buyerId: { [Op.in]: [1, 2, 5] } }, order: [['amount', 'DESC']], limit: 2 })
  say(found.map(order => [order.buyerId, order.amount, order.Good.name]))
  const { count, rows } = await Order.findAndCountAll({ where: { amount: { [Op.gt]: 3 } }, order: ['amount'], limit: 2 })
  say(count, rows.map(order => order.amount), await Order.sum('amount', { where: { buyerId: 3 } }))
  await errorOf(Good.create({ name: 'tea 🍵', price: 1 }))
  await errorOf(db.transaction(async transaction => {
    await Order.destroy({ where: { buyerId: 3 }, transaction })
    throw Object.assign(new Error('no'), { errno: 'mine' })
  }))
  await db.transaction(async transaction => {
    const order = await Order.findOne({ where: { buyerId: 3 }, lock: transaction.LOCK.UPDATE, transaction })
    await order.increment('amount', { by: 2, transaction })
  })
  say((await Order.findOne({ where: { buyerId: 3 } })).amount, await Order.count(), await Order.destroy({ where: { buyerId: 6 } }))
  say(Object.keys(await db.getQueryInterface().describeTable('orders')).sort(), (await db.getQueryInterface().showIndex('goods')).length)
  await db.drop()
  await db.close()
}

playMysql2().then(playSequelize).catch(error => { console.log(error); process.exit(1) })
