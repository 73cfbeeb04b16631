/* Who may promote, and what an epoch is: two waybills, a shard of three servers, and what can break.
 *
 * A write is committed on a server that takes writes, and acknowledged when another one has received it (semi-sync).
 * What a server has received is a set of bits: the write, and for each epoch the row that names its primary. A source
 * sends what the other lacks; nothing is received from a source that lacks something of the receiver's. A waybill acts
 * while it leads: GET_LOCK on a majority of all servers of the cluster, which is one lock here, `rest`, for most of
 * them belong to other shards. Each command runs on the very connection that holds the lock of the server that it is
 * for: with the connection the lock is gone, and the command does nothing. A server dies and comes back read-only; the
 * first primary, or both others, can be cut off from the waybills while they go on; a connection breaks, or a waybill
 * stands still between two steps until its locks are gone, or with etcd, where `rest` is the key, until that is gone while
 * its locks stay. A waybill takes whom it can't reach for dead, as it may be.
 *
 * What is proven, of durability = semi_sync: what was acknowledged is on every server that is opened later, nothing is
 * acknowledged that the newest primary lacks, and no server is opened that does not know of the newest primary.
 *
 * wrong: PAST_LOCKS NO_LOCKS NO_SEMI_SYNC OPEN_EARLY SOME_REPLICAS KEEP_RECEIVING OPEN_UNPROVEN ALONE_IF_NEED_BE
 * Each of these macros builds a variant that is wrong in one place; tools/check_model looks that spin finds it.
 */

#define NOBODY   3
#define SERVERS  3
#define WRITE    1
#define ROW1(s)  (4 << (s))               /* the row of epoch 1, which names s */
#define ROW2(s)  (32 << (s))
#define ROWS1    28
#define ROWS2    224
#define EPOCH(m) (((m) & ROWS2) != 0 -> 2 : (((m) & ROWS1) != 0 -> 1 : 0))
#define NAMES(m, s) ((((m) & ROWS2) != 0 -> ((m) & ROW2(s)) : ((m) & ROW1(s))) != 0)
#define LACKS(a, b) (((b) & ~(a)) != 0)   /* a lacks something of b's */

#define REACHES(s) ((cut & (1 << (s))) == 0)
#ifdef NO_LOCKS
#define MINE(s)  (is_up[s] && REACHES(s))
#else
#define MINE(s)  (lock[s] == me)
#endif

byte received[SERVERS];
byte source[SERVERS];        /* whom it follows */
bool receives[SERVERS];
bool writable[SERVERS];
bool waits[SERVERS];         /* semi-sync: for another one, before it acknowledges */
bool is_up[SERVERS];
byte cut;                    /* the servers that no waybill can reach, though they live */
byte lock[SERVERS];          /* the waybill that holds it, or 0 */
byte rest;
bool is_written, is_acknowledged;
byte origin;
bool was_cut, has_broken, has_died; /* each once, that the states remain few enough */
byte newest;                 /* the server that was opened last */
bool stays_away[6];          /* what a waybill remembers of a server: it is no replica */

inline receive(r)
{
    d_step { source[r] != NOBODY && receives[r] && is_up[r] && is_up[source[r]] &&
             LACKS(received[r], received[source[r]]) && !LACKS(received[source[r]], received[r]) ->
        received[r] = received[r] | received[source[r]] }
}

inline write_on(s)
{
    d_step { !is_written && writable[s] -> is_written = true; origin = s; received[s] = received[s] | WRITE }
}

inline acknowledge()
{
    d_step { is_written && !is_acknowledged && writable[origin] && waits[origin] &&
#ifndef NO_SEMI_SYNC
             ((received[(origin + 1) % 3] | received[(origin + 2) % 3]) & WRITE) != 0 &&
#endif
             true ->
        is_acknowledged = true; assert((received[newest] & WRITE) != 0) }
}

inline die(s)
{
    d_step { !has_died && is_up[s] ->
        has_died = true; is_up[s] = false; writable[s] = false; waits[s] = false; lock[s] = 0 }
}

inline cut_off(servers)
{
    d_step { !was_cut ->
        was_cut = true; cut = servers;
        lock[0] = ((cut & 1) != 0 -> 0 : lock[0]);
        lock[1] = ((cut & 2) != 0 -> 0 : lock[1]);
        lock[2] = ((cut & 4) != 0 -> 0 : lock[2]) }
}

proctype world()
{
    do
    :: receive(0)
    :: receive(1)
    :: receive(2)
    :: write_on(0)
    :: write_on(1)
    :: write_on(2)
    :: acknowledge()
    :: die(0)
    :: die(1)
    :: die(2)
    :: d_step { !is_up[0] -> is_up[0] = true }
    :: d_step { !is_up[1] -> is_up[1] = true }
    :: d_step { !is_up[2] -> is_up[2] = true }
    :: cut_off(1)
    :: cut_off(6)
    :: d_step { cut != 0 -> cut = 0 }
    :: d_step { !has_broken && lock[0] != 0 -> has_broken = true; lock[0] = 0 }
    :: d_step { !has_broken && lock[1] != 0 -> has_broken = true; lock[1] = 0 }
    :: d_step { !has_broken && lock[2] != 0 -> has_broken = true; lock[2] = 0 }
    :: d_step { !has_broken && rest != 0 -> has_broken = true;    /* it stands still: its sessions time out */
        lock[0] = (lock[0] == rest -> 0 : lock[0]);
        lock[1] = (lock[1] == rest -> 0 : lock[1]);
        lock[2] = (lock[2] == rest -> 0 : lock[2]);
        rest = 0 }
    :: d_step { !has_broken && rest != 0 -> has_broken = true; rest = 0 }    /* etcd's lease is over, its sessions stand */
    od
}

/* ---- a waybill */

#define HELD(s)    (1 << (s))
#define IS_HELD(s) ((reached & HELD(s)) != 0)
#define AWAY(s)    stays_away[3 * (me - 1) + (s)]
#define FOLLOWS(r, s) (r != s && IS_HELD(r) && source[r] == s)
#define KNOWS(r)   (EPOCH(received[r]) == epoch)

/* Whoever meets a lock that is another's gives up. */
#define IS_ANOTHERS(s) (is_up[s] && REACHES(s) && lock[s] != 0)
#ifdef PAST_LOCKS
#define MAY_TRY (rest == 0)
#else
#define MAY_TRY (rest == 0 && !IS_ANOTHERS(0) && !IS_ANOTHERS(1) && !IS_ANOTHERS(2))
#endif

inline take_locks()
{
    rest = me;
    for (i : 0 .. 2) {
        if
        :: is_up[i] && REACHES(i) && lock[i] == 0 -> lock[i] = me
        :: else
        fi
    }
}

inline give_back()
{
    for (i : 0 .. 2) {
        lock[i] = (lock[i] == me -> 0 : lock[i])
    }
    rest = (rest == me -> 0 : rest)
}

/* With these locks: the newest epoch that somebody has, and the server that it names; who takes writes. */
inline look()
{
    for (i : 0 .. 2) {
        if
        :: MINE(i) && EPOCH(received[i]) > epoch ->
            epoch = EPOCH(received[i]);
            owner = (NAMES(received[i], 0) -> 0 : (NAMES(received[i], 1) -> 1 : 2))
        :: else
        fi
    }
    for (i : 0 .. 2) {
        if
        :: MINE(i) -> reached = reached | HELD(i);
            AWAY(i) = source[i] == NOBODY || (epoch > 0 && source[i] != owner && EPOCH(received[i]) < epoch);
            if
            :: writable[i] -> writers++; writer = i
            :: else
            fi
        :: else
        fi
    }
}

/* It takes writes and lacks the newest row, whose epoch began. */
#define MAY_FENCE (IS_HELD(s) && writable[s] && s != owner && EPOCH(received[s]) < epoch && \
    !(IS_HELD(owner) && source[owner] != NOBODY) && \
    ((IS_HELD(owner) && writable[owner] && KNOWS(owner)) || (FOLLOWS(a, owner) && KNOWS(a)) || (FOLLOWS(b, owner) && KNOWS(b))))

inline fence()
{
    if
    :: d_step { MINE(s) -> writable[s] = false }
    :: else
    fi
}

/* An old primary becomes a replica; what it has beyond the others is undone. */
#define MAY_REJOIN (writers == 1 && s != writer && IS_HELD(s) && !writable[s] && source[s] == NOBODY && \
    EPOCH(received[s]) < epoch && owner == writer)

inline rejoin()
{
    if
    :: d_step { rest == me && MINE(s) && MINE(writer) ->
        received[s] = received[s] & received[writer]; source[s] = writer; receives[s] = true }
    :: else -> goto gave_up
    fi;
    if
    :: d_step { MINE(writer) -> waits[writer] = writable[writer] }
    :: else
    fi
}

/* A replica of somebody else is led to the primary. */
#define MAY_FOLLOW (writers == 1 && s != writer && IS_HELD(s) && !writable[s] && source[s] != NOBODY && source[s] != writer && \
    (epoch == 0 || owner == writer) && !LACKS(received[writer], received[s]))

inline follow()
{
    if
    :: d_step { MINE(s) -> source[s] = writer; receives[s] = true }
    :: else -> goto gave_up
    fi;
    if
    :: d_step { MINE(writer) -> waits[writer] = writable[writer] }
    :: else
    fi
}

/* All are read-only, and it is the primary that the shard had. */
#ifdef OPEN_UNPROVEN
#define IS_PROVEN true
#else
#define IS_PROVEN ((IS_HELD(a) && IS_HELD(b)) || FOLLOWS(a, s) || FOLLOWS(b, s))
#endif
#define IN_LINE(r) (!IS_HELD(r) || source[r] == NOBODY || (source[r] == s && !LACKS(received[s], received[r])))
#define MAY_OPEN (writers == 0 && IS_HELD(s) && source[s] == NOBODY && (epoch > 0 -> owner == s : s == 0) && \
    IN_LINE(a) && IN_LINE(b) && IS_PROVEN)

inline open()
{
    if
    :: d_step { MINE(s) -> waits[s] = FOLLOWS(a, s) || FOLLOWS(b, s) }
    :: else -> goto gave_up
    fi;
    if
    :: d_step { rest == me && MINE(s) -> 
            writable[s] = true;
            assert(EPOCH(received[s]) >= EPOCH(received[newest]) && (!is_acknowledged || (received[s] & WRITE) != 0));
            newest = s }
    :: else
    fi
}

/* s can't be reached. Of the others, `best` is promoted and `other` follows it. */
#define IS_REPLICA(r) (IS_HELD(r) && source[r] != NOBODY)
#ifdef SOME_REPLICAS
#define ARE_ALL_THERE true
#else
#define ARE_ALL_THERE ((IS_HELD(a) || AWAY(a)) && (IS_HELD(b) || AWAY(b)))
#endif
#define MAY_PROMOTE (writers == 0 && !IS_HELD(s) && (epoch > 0 -> owner == s : s == 0) && \
    (IS_REPLICA(a) || IS_REPLICA(b)) && ARE_ALL_THERE)

inline stop_receiving(r)
{
    if
    :: d_step { IS_REPLICA(r) && MINE(r) -> receives[r] = false }
    :: IS_REPLICA(r) && !MINE(r) -> goto put_back
    :: else
    fi
}

inline start_receiving(r)
{
    if
    :: d_step { IS_REPLICA(r) && MINE(r) -> receives[r] = true }
    :: else
    fi
}

#define IS_BEGUN (epoch > 0 && KNOWS(best) && NAMES(received[best], best))

inline promote()
{
#ifndef KEEP_RECEIVING
    stop_receiving(a);
    stop_receiving(b);
#endif
    if
    :: atomic { IS_REPLICA(a) && (!IS_REPLICA(b) || !LACKS(received[a], received[b])) ->
        best = a; other = (IS_REPLICA(b) -> b : NOBODY) }
    :: atomic { IS_REPLICA(b) && (!IS_REPLICA(a) || !LACKS(received[b], received[a])) ->
        best = b; other = (IS_REPLICA(a) -> a : NOBODY) }
    :: else -> goto put_back
    fi;
    if
    :: other == NOBODY
    :: d_step { other != NOBODY && MINE(other) -> source[other] = best; receives[other] = true }
#ifdef ALONE_IF_NEED_BE
    :: other != NOBODY && !MINE(other) -> other = NOBODY
#else
    :: other != NOBODY && !MINE(other) -> goto put_back
#endif
    fi;
    if
    :: d_step { MINE(best) -> waits[best] = other != NOBODY }
    :: else -> goto gave_up
    fi;
    if      /* the row, which comes back when the other has it */
    :: MINE(best) && IS_BEGUN
    :: d_step { MINE(best) && !IS_BEGUN && epoch < 2 ->
        received[best] = received[best] | (epoch == 0 -> ROW1(best) : ROW2(best)) }
    :: else -> goto gave_up
    fi;
#ifndef OPEN_EARLY
    if
    :: other == NOBODY
    :: other != NOBODY && !LACKS(received[other], received[best])
    :: !MINE(best) -> goto gave_up
    fi;
#endif
    if
    :: d_step { rest == me && MINE(best) -> source[best] = NOBODY }
    :: else -> goto gave_up
    fi;
    if
    :: d_step { MINE(best) -> writable[best] = true; newest = best; assert(!is_acknowledged || (received[best] & WRITE) != 0) }
    :: else
    fi;
    goto gave_up;
put_back:
    start_receiving(a);
    start_receiving(b)
}

mtype = { FENCE, REJOIN, FOLLOW, OPEN, PROMOTE };

proctype waybill(byte me)
{
    byte epoch, owner, writers, writer, reached, a, b, s, best, other, i;
    mtype what;
again:
    atomic {
        MAY_TRY ->
        take_locks();
        look();
        if
        :: s = 0; a = 1; b = 2
        :: s = 1; a = 0; b = 2
        :: s = 2; a = 0; b = 1
        fi;
        if
        :: MAY_FENCE   -> what = FENCE
        :: MAY_REJOIN  -> what = REJOIN
        :: MAY_FOLLOW  -> what = FOLLOW
        :: MAY_OPEN    -> what = OPEN
        :: MAY_PROMOTE -> what = PROMOTE
        :: else -> goto gave_up
        fi
    }
    if
    :: what == FENCE   -> fence()
    :: what == REJOIN  -> rejoin()
    :: what == FOLLOW  -> follow()
    :: what == OPEN    -> open()
    :: what == PROMOTE -> promote()
    fi;
gave_up:
    atomic {
        give_back();
        epoch = 0; owner = 0; writers = 0; writer = 0; reached = 0; a = 0; b = 0; s = 0; best = 0; other = 0; i = 0; what = 0;
        goto again
    }
}

init {
    d_step {
        source[0] = NOBODY; source[1] = 0; source[2] = 0; receives[1] = true; receives[2] = true;
        writable[0] = true; waits[0] = true; is_up[0] = true; is_up[1] = true; is_up[2] = true
    };
    atomic { run world(); run waybill(1); run waybill(2) }
}
