/* Commit across shards: all or nothing, and anyone can finish it.
 *
 * Three shards. Shard 0 decides: its part is a plain transaction, and the row 'C' that it writes into
 * waybill.decision commits with it. The others are XA branches. One coordinator (a waybill) commits one
 * transaction; it may die or stand still between any two steps, and what it has sent may arrive late. Two
 * recoverers (any waybill) finish what they find prepared, at any time, also while the coordinator lives.
 * Any shard's primary may fail over: what was prepared or committed and acknowledged is on the new one
 * (semi-sync), what was open is gone, and what is still on its way to the old one never has an effect.
 *
 * What is proven: never one shard committed and another rolled back; the client that was told OK has its
 * transaction on all shards, the one that was told it is rolled back on none; when nothing fails any more,
 * no branch stays prepared.
 *
 * wrong: SWEEP_EARLY_A SWEEP_EARLY_C NO_TOMBSTONE BLIND_PREPARE TRUST_THE_LOST
 * Each of these macros builds a variant that is wrong in one place; tools/check_model looks that spin finds it.
 */

#define SHARDS 3

mtype = { NONE, ACTIVE, PREPARED, COMMITTED, ROLLED_BACK };   /* a shard's part of the transaction */
mtype = { NOTHING, SENT, FAILED, DONE };                      /* a command on its way, and its answer */
mtype = { NO_ROW, ROW_C, ROW_A };                             /* waybill.decision, on shard 0 */
mtype = { UNTOLD, TOLD_OK, TOLD_ROLLED_BACK, TOLD_UNKNOWN };  /* what the client heard */

mtype part[SHARDS];
bool attached[SHARDS];       /* the coordinator's connection to this shard is alive on the server */
mtype prepare[SHARDS];       /* "XA END; XA PREPARE" */
mtype decide = NOTHING;      /* "INSERT INTO waybill.decision ...; COMMIT" */
mtype row = NO_ROW;
mtype told = UNTOLD;
bool coordinator_done = false;
byte failovers = 0;          /* so many primaries have been lost */
byte failed_statement = 0;   /* a statement of the transaction failed on this shard, if not 0 */

/* What a server does with a connection that is gone: what is open is rolled back, what is prepared stays. */
inline detach(s)
{
    attached[s] = false;
    if
    :: part[s] == ACTIVE -> part[s] = ROLLED_BACK
    :: else
    fi
}

/* ---- the servers: commands arrive some time after they were sent, or never when the connection is lost */

proctype server(byte s)
{
    do
    :: atomic { s > 0 && prepare[s] == SENT && attached[s] ->
        if
        :: part[s] == ACTIVE && (failed_statement != s) -> part[s] = PREPARED; prepare[s] = DONE
#ifdef BLIND_PREPARE
        :: part[s] == ACTIVE && failed_statement == s -> part[s] = PREPARED; prepare[s] = DONE
#else
        :: part[s] == ACTIVE && failed_statement == s -> prepare[s] = FAILED
#endif
        :: else -> prepare[s] = FAILED
        fi }
    :: atomic { s > 0 && prepare[s] == SENT && !attached[s] -> prepare[s] = FAILED }
    :: atomic { s == 0 && decide == SENT && attached[0] ->
        if
        :: row == NO_ROW && part[0] == ACTIVE -> row = ROW_C; part[0] = COMMITTED; decide = DONE
        :: else -> decide = FAILED     /* duplicate key: the multi-statement ends before its COMMIT */
        fi }
    :: atomic { s == 0 && decide == SENT && !attached[0] -> decide = FAILED }
    :: atomic { failovers < 2 -> failovers++; detach(s) }   /* the new primary has all that was acknowledged */
    :: atomic { coordinator_done && attached[s] && prepare[s] != SENT && (s > 0 || decide != SENT) -> detach(s) }
    :: timeout -> break
    od
}

/* ---- finishing by the decision: what a recoverer does, and a coordinator that lost an answer */

inline ask_decision(result)
{
    /* INSERT INTO waybill.decision (xid, 'A'): waits while shard 0's transaction holds the row, which is
       one step here, so that there is nothing to wait for. */
    atomic {
        if
        :: row == NO_ROW ->
#ifndef NO_TOMBSTONE
            row = ROW_A;
#endif
            result = ROW_A
        :: else -> result = row
        fi
    }
}

inline finish_branch(s, result)
{
    atomic {
        if
        :: part[s] == PREPARED && result == ROW_C -> part[s] = COMMITTED
        :: part[s] == PREPARED && result == ROW_A -> part[s] = ROLLED_BACK
        :: else      /* 1397: somebody else was faster */
        fi
    }
}

#define NOTHING_ON_ITS_WAY (prepare[1] != SENT && prepare[2] != SENT)

active [2] proctype recoverer()
{
    mtype result;
    byte s;
    do
    :: atomic { part[1] == PREPARED -> s = 1 }; goto resolve
    :: atomic { part[2] == PREPARED -> s = 2 }; goto resolve
    :: coordinator_done && part[1] != PREPARED && part[2] != PREPARED && NOTHING_ON_ITS_WAY -> break
    od;
    goto done;
resolve:
    ask_decision(result);
    /* XA COMMIT of a branch whose owner is connected is refused: its connection is ended first. */
    attached[s] = false;
    finish_branch(s, result);
    if
    :: atomic { part[1] == PREPARED -> s = 1 }; goto resolve
    :: atomic { part[2] == PREPARED -> s = 2 }; goto resolve
    :: coordinator_done && part[1] != PREPARED && part[2] != PREPARED && NOTHING_ON_ITS_WAY
    fi;
done:
    skip
}

/* Decision rows are removed when no branch is left that could ask, and nothing of the coordinator either: not
   the connection by which its 'C' may still arrive (it would find no 'A' in its way), nor the coordinator
   itself, that may still ask what became of its 'C' (it would read a missing row as 'rolled back'). In life:
   when the row is older than both can be. */
active proctype sweeper()
{
    do
#ifdef SWEEP_EARLY_A
    :: atomic { row == ROW_A && part[1] != PREPARED && part[2] != PREPARED -> row = NO_ROW; break }
#endif
#ifdef SWEEP_EARLY_C
    :: atomic { row == ROW_C && part[1] != PREPARED && part[2] != PREPARED -> row = NO_ROW; break }
#endif
    :: atomic { row != NO_ROW && part[1] != PREPARED && part[2] != PREPARED && coordinator_done && !attached[0] &&
                decide != SENT && prepare[1] != SENT && prepare[2] != SENT -> row = NO_ROW; break }
    :: timeout -> break
    od
}

/* ---- the coordinator */

active proctype coordinator()
{
    mtype result;
    atomic {
        part[0] = ACTIVE; part[1] = ACTIVE; part[2] = ACTIVE;
        attached[0] = true; attached[1] = true; attached[2] = true;
        prepare[0] = NOTHING; prepare[1] = NOTHING; prepare[2] = NOTHING;
        if :: failed_statement = 0 :: failed_statement = 1 fi;
        run server(0); run server(1); run server(2)
    }
    prepare[1] = SENT;
    if :: skip :: goto dead fi;
    prepare[2] = SENT;
    if :: skip :: goto dead fi;
    prepare[1] != SENT && prepare[2] != SENT;
    if
    :: prepare[1] == FAILED || prepare[2] == FAILED -> goto roll_back
    :: skip -> goto roll_back                            /* an answer was lost on its way */
    :: prepare[1] == DONE && prepare[2] == DONE
    fi;
    if :: skip :: goto dead fi;
    decide = SENT;
    if :: skip :: goto dead fi;
    if
    :: decide == DONE -> result = ROW_C
    :: decide == DONE -> ask_decision(result)           /* the answer was lost on its way: the truth is the row */
#ifdef TRUST_THE_LOST
    :: decide == DONE -> result = ROW_A
#endif
    :: decide == FAILED -> ask_decision(result)
    :: decide == SENT && !attached[0] -> ask_decision(result)
    fi;
    if :: skip :: goto dead fi;
    if
    :: result == ROW_C -> skip
    :: result == ROW_A -> goto roll_back
    fi;
    told = TOLD_OK;          /* commit_wait = decided; with applied it comes after the next two */
    finish_branch(1, result);
    if :: skip :: goto dead fi;
    finish_branch(2, result);
    goto dead;
roll_back:
    /* The deciding shard's part first, on its own connection; lost connections do it by themselves. */
    atomic { detach(0) }
    if :: skip :: goto dead fi;
    result = ROW_A;
    atomic { if :: attached[1] && part[1] == ACTIVE -> part[1] = ROLLED_BACK :: else fi }
    finish_branch(1, result);
    if :: skip :: goto dead fi;
    atomic { if :: attached[2] && part[2] == ACTIVE -> part[2] = ROLLED_BACK :: else fi }
    finish_branch(2, result);
    told = TOLD_ROLLED_BACK;
dead:
    coordinator_done = true
}

#define SOME_COMMITTED (part[0] == COMMITTED || part[1] == COMMITTED || part[2] == COMMITTED)
#define SOME_ROLLED_BACK (part[0] == ROLLED_BACK || part[1] == ROLLED_BACK || part[2] == ROLLED_BACK)

/* Never one committed and another rolled back, in any state; nor what the client was told and is not so. */
active proctype watch()
{
    end: do
    :: d_step { SOME_COMMITTED && SOME_ROLLED_BACK -> assert(false) }
    :: d_step { told == TOLD_OK && SOME_ROLLED_BACK -> assert(false) }
    :: d_step { told == TOLD_ROLLED_BACK && SOME_COMMITTED -> assert(false) }
    :: d_step { failed_statement != 0 && SOME_COMMITTED -> assert(false) }
    :: timeout -> assert(part[1] != PREPARED && part[2] != PREPARED); break
    od
}
