/* One value of a unique global index (doc/indexes.md), two shards, two waybills that bring rows with it to either.
 *
 * The home shard has the claims: of each version, whose it is. A shard has the version that it had last, and whether it
 * lost it since. A row is put in, then the trigger looks at that, and locks it until the row is committed or rolled
 * back. A waybill that needs the value from another shard looks there for a row, writes that the version is lost, looks
 * again, commits; then it adds the next version. It can die between any two steps, as a server would see it: what it had
 * not committed is rolled back. Committed rows go away at any time. A row or a lock of another one is waited for, or one
 * of two that wait for one another gives up.
 *
 * What is proven: the value never has rows on both shards that are committed, or will be as soon as somebody says so.
 *
 * wrong: ONE_LOOK NO_LOCK RAISE_FIRST REVIVE CLAIM_ANYWAY
 * Each of these macros builds a variant that is wrong in one place; tools/check_model looks that spin finds it.
 */

#define VERSIONS 5
#define NOBODY   9

byte owner[VERSIONS + 2] = NOBODY;  /* of each version: the shard that claims it */
byte newest;
byte version[2];                    /* on the shard */
bool is_here[2];
byte writer[2] = NOBODY;            /* who writes that just now */
byte readers[2];                    /* whose trigger has looked at it: bits */
byte row[2];                        /* NO, PUT, PASSED, COMMITTED */
byte whose[2];                      /* until it is committed */

#define NO        0
#define PUT       1
#define PASSED    2
#define COMMITTED 3

#define IS_FREE(s) (writer[s] == NOBODY)
#define HOLDS(s)   (row[s] == PASSED || row[s] == COMMITTED)

inline give_up()
{
    d_step {
        if :: writer[0] == me -> writer[0] = NOBODY :: else fi;
        if :: writer[1] == me -> writer[1] = NOBODY :: else fi;
        readers[0] = readers[0] & ~(1 << me);
        readers[1] = readers[1] & ~(1 << me);
        if :: (row[0] == PUT || row[0] == PASSED) && whose[0] == me -> row[0] = NO :: else fi;
        if :: (row[1] == PUT || row[1] == PASSED) && whose[1] == me -> row[1] = NO :: else fi;
        n = 0; r = 0; is_let = false
    }
}

/* Adds the version after n, unless somebody did. */
inline raise()
{
    d_step {
        if
#ifdef CLAIM_ANYWAY
        :: true -> owner[n + 1] = s; newest = (newest > n + 1 -> newest : n + 1)
#else
        :: owner[n + 1] == NOBODY -> owner[n + 1] = s; newest = n + 1
        :: else
#endif
        fi
    }
}

proctype waybill(byte me)
{
    byte s, r, n;
    bool is_let;
again:
    give_up();
    if :: s = 0 :: s = 1 fi;
ask:
    n = newest;
    if
    :: n >= VERSIONS -> goto done
    :: n == 0 -> raise(); goto ask
    :: n > 0 && n < VERSIONS && owner[n] == s -> goto here
    :: n > 0 && n < VERSIONS && owner[n] != s -> r = 1 - s; goto revoke
    fi;
here:
    if
    :: d_step { IS_FREE(s) && readers[s] == 0 ->
           if
#ifdef REVIVE
           :: n >= version[s] -> version[s] = n; is_here[s] = true
#else
           :: n > version[s] -> version[s] = n; is_here[s] = true
#endif
           :: else
           fi }
    :: goto again
    fi;
    if
    :: d_step { row[s] == NO -> row[s] = PUT; whose[s] = me }
    :: goto again
    fi;
    if
    :: IS_FREE(s) && !is_here[s] -> /* the row is refused: has the shard lost it? */
       d_step { row[s] = NO };
       if
       :: version[s] >= n && owner[n] == s -> raise(); goto ask
       :: else -> goto ask
       fi
#ifdef NO_LOCK
    :: is_here[s] -> is_let = true
#else
    :: d_step { IS_FREE(s) && is_here[s] -> readers[s] = readers[s] | (1 << me); is_let = true; row[s] = PASSED;
                assert(!(HOLDS(0) && HOLDS(1))) }
#endif
    :: goto again
    fi;
    if
    :: d_step { is_let -> row[s] = COMMITTED; readers[s] = readers[s] & ~(1 << me); assert(!(HOLDS(0) && HOLDS(1))) }
    :: goto again
    fi;
    goto again;
revoke:
#ifdef RAISE_FIRST
    raise();
#endif
    if
    :: row[r] == NO
    :: goto again /* it has one, or waits in vain */
    fi;
    if
    :: d_step { IS_FREE(r) && readers[r] == 0 -> writer[r] = me }
    :: goto again
    fi;
#ifdef ONE_LOOK
    if
    :: true
#else
    if
    :: row[r] == NO
#endif
    :: goto again
    fi;
    if
    :: d_step { true -> version[r] = (version[r] > n -> version[r] : n); is_here[r] = false; writer[r] = NOBODY }
    :: goto again
    fi;
    if
    :: raise(); goto ask
    :: goto again
    fi;
done:
    skip
}

/* Rows go away. */
active proctype others()
{
end:
    do
    :: d_step { row[0] == COMMITTED -> row[0] = NO }
    :: d_step { row[1] == COMMITTED -> row[1] = NO }
    od
}

init
{
    atomic { run waybill(0); run waybill(1) }
}
