/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - what the kernel program and the processes of a chain agree on.
 *
 * For: every struct that crosses the boundary between bpf/sproxy.bpf.c and user
 * space: the descriptor (the only thing on the wire) and the four tables that say
 * who owns each buffer, which instances there are, and where an edge leads.
 * How: fixed sizes, native byte order (one machine), no pointers, sizes asserted here
 * and their bytes pinned by tests/unit/bpf/test_wire.c.
 * Thread-safety: each field names its writers. Functions see descriptors only; the
 * tables are mapped by the controller and the gateway and written by the kernel.
 */
#ifndef SPROCKET_BPF_WIRE_H
#define SPROCKET_BPF_WIRE_H

#include <linux/types.h>

/* Limits of one chain. `sprocket doctor` prints them. */
#define SP_BATCH_MAX 64         /* descriptors in one send */
#define SP_INST_MAX 256         /* instance slots, gateway workers included; a slot fits a byte */
#define SP_FN_MAX 64            /* functions, the gateway (function 0) included */
#define SP_EDGE_MAX 64          /* edges one function may name */
#define SP_FN_INST_MAX 60       /* instances of one function */
#define SP_CPU_MAX 64           /* CPUs a function's table tells apart; higher ones share */
#define SP_HOPS_MAX 26          /* hops stamped per request; later ones overwrite the last */
#define SP_HIST_BUCKETS 100     /* of a histogram; the last begins at 58.7 s and is open */
#define SP_GATEWAY_FN 0         /* the function number of the gateway's workers */
#define SP_SLOT_NONE 0          /* no instance has slot 0 */
#define SP_SPLIT_ALL (1U << 23) /* the share of a split that is everything */
#define SP_HOLDER_FREE 0xffffffffU   /* nobody: the buffer is in the gateway's free list */
#define SP_HOLDER_MOVING 0xfffffffeU /* the kernel's, while it hands the buffer over */

/*
 * Where a descriptor goes. Below SP_EDGE_MAX: an edge of the sending function, looked up
 * in the route table. From SP_EDGE_REPLY on: the fixed meanings below.
 */
enum sp_edge {
	SP_EDGE_REPLY = 0xf0,   /* the request is answered: to its home. With UNDELIVERABLE, at an
				 * instance: of a call that was made from its slot before it was
				 * there; it is stock, to be released */
	SP_EDGE_RELEASE = 0xf1, /* the buffer is given back: to a gateway worker */
	SP_EDGE_REFILL = 0xf2,  /* a request for lease buffers: buf = class, len = count */
	SP_EDGE_GRANT = 0xf3,   /* gateway to function: a leased buffer; home = the instance, len =
				 * how many of the same answer follow */
	SP_EDGE_WAKE = 0xf4,    /* an instance to itself; names no buffer. gen = that of the last
				 * wake it read, at first 0: so only one is ever unread */
	SP_EDGE_CANCEL = 0xf5,  /* home to holder: nobody waits for this answer any more; the
				 * buffer stays where it is, home = the sender. A function has one
				 * for each call: more of them are a violation */
};

/*
 * Flags of a descriptor. From 0x10 on a bit means one thing on an edge of the route table
 * and another on a fixed one.
 */
enum sp_flag {
	SP_DESC_QOS_MASK = 0x03,      /* QoS class, 0 is the highest */
	SP_DESC_ELEPHANT = 0x04,      /* part of an elephant flow */
	SP_DESC_UNDELIVERABLE = 0x08, /* set by the kernel: the edge's function has no instance,
				       * or none that may take more */
	SP_DESC_FAILED = 0x10,        /* reply: the function refused; the header says why. With
				       * UNDELIVERABLE on an edge, by the kernel: not the home's
				       * own call found no instance, but where it was sent on; or
				       * the function's gate is shut: trying again is no use */
	SP_DESC_FULL = 0x20,      /* with UNDELIVERABLE at a gateway worker, by the kernel: there
				       * is an instance, which is at its limit */
	SP_DESC_MOVED = 0x20,     /* release: the request now lives in buffer `len` */
	SP_DESC_DENIED = 0x40,    /* grant: the pool has no buffer of that class; buf unused.
				       * The kernel clears it where a buffer is handed over */
	SP_DESC_DROPPED = 0x80,   /* reply: no answer to give, the client gets 204; len is 0.
				       * With FAILED: the function cannot write to the buffer, and
				       * len is its error */
	SP_DESC_BLAMELESS = 0x20, /* reply that failed, of a function: the request was at fault,
				       * not the function. The kernel counts, and clears it */

	SP_DESC_ASKED_MASK = 0x07, /* grant: the class that was asked for */

	SP_DESC_SHARES = 0x20, /* edge, of a leased buffer: its request reads the payload of
				* buffer `len`, which the sender holds; the kernel clears it and
				* makes len 0 */
	SP_DESC_SHARED = 0x40, /* edge, reply: set by the kernel: others read the payload of this
				* buffer, which is not to be written */
	SP_DESC_PART = 0x80,   /* edge: a leased buffer that goes with the request before it in the
				* same send */
	SP_DESC_AGAIN = 0x20,  /* reply that failed, by a gateway: who was called died and is
				* idempotent; the call may be made again */
};

/* The only thing on the wire. 16 bytes. A send carries 1..SP_BATCH_MAX of them, all with
 * the same edge and, calls apart, the same home. */
struct sp_desc {
	__u32 buf;  /* buffer index in the chain's pool */
	__u32 gen;  /* the buffer's generation when the sender received it: the kernel draws a new
		     * one for whatever a function gets. Of a function's cancel, that with which
		     * its call left */
	__u32 len;  /* payload bytes; of a grant, how many descriptors of the same answer follow */
	__u8 edge;  /* enum sp_edge, or an edge of the sender */
	__u8 flags; /* enum sp_flag */
	__u16 home; /* slot that waits for the answer: a gateway worker, or the instance that
		      * called. A call leaves with a tag of its caller's choice instead, and its
		      * reply arrives with that tag. Of a release and a refill, slot of a gateway
		      * worker; of a grant, slot of the instance that receives it */
};

/* One stamp of a request's path. Written by the kernel. */
struct sp_hop {
	__u32 at_ns; /* hand-over time since sp_owner.start_ns, saturating at 4.29 s */
	__u16 fn;    /* function that received the buffer */
	__u16 slot;  /* instance that received it */
};

/*
 * What a buffer carries. A leased one becomes a call by leaving on an edge of kind CALL: the
 * caller is its home, and gets it back as stock. By leaving on another edge it becomes a
 * message that nobody waits for, whose home is a gateway worker.
 */
enum sp_lease {
	SP_LEASE_NONE,  /* a client's request */
	SP_LEASE_STOCK, /* nothing: a function holds it in stock */
	SP_LEASE_OUT,   /* a call or a message that a function made */
};

/*
 * Who owns a buffer: one entry per buffer, outside every function's reach.
 * The gateway writes an entry while it holds the buffer; the kernel while it moves.
 */
struct sp_owner {
	__u64 word;       /* generation << 32 | holder; changed by compare-and-swap only */
	__u64 start_ns;   /* CLOCK_MONOTONIC of the first hand-over */
	__u32 cap;        /* payload bytes the buffer can hold; set once, at start */
	__u16 home;       /* slot that waits for the answer */
	__u8 leased;      /* enum sp_lease */
	__u8 hops;        /* stamps in hop[] */
	__u64 arrived_ns; /* CLOCK_MONOTONIC of the last hand-over; stamps saturate, this does not */
	__u32 refs;   /* requests in other buffers that read the payload of this one: raised by the
		     * kernel, lowered by the gateway, which keeps the buffer until there are none */
	__u32 ref;    /* 1 + the buffer whose payload the request in this one reads; 0: none. Set by
		     * the kernel; ended by the gateway when it has the buffer */
	__u16 tag;    /* of a call: what its caller wrote into `home`, and gets back in it */
	__u16 life;   /* of a call: its caller's, so that whoever has the slot next is told apart */
	__u32 called; /* of a call: the buffer's generation when it left, by which its caller
		       * knows it */
	struct sp_hop hop[SP_HOPS_MAX];
};

/* State of an instance slot. Written by the controller; counters by the kernel. */
struct sp_instance {
	__u32 in_flight; /* requests handed to it and not yet handed on */
	__u32 refill;    /* bit n: its request for lease buffers of class n is unanswered */
	__u64 in;        /* descriptors handed to it since it was attached */
	__u64 out;       /* descriptors it handed on */
	__u32 fn;
	__u32 cpu;
	__u64 last_out_ns; /* when it last handed a request on; by the kernel */
	__u32 lender;      /* gateway slot that takes what comes home when it is gone; a worker's
			    * is its own, and no slot that was never used has one */
	__u32 wake;        /* gen of its last wake, by the kernel */
	__u32 cancels;     /* that it may still send: one for each call, by the kernel */
	__u16 life;        /* how often the slot was attached */
	__u16 limit;       /* in flight above which it takes no more; 0: none. By the controller;
			    * 0 also when it is out of its function's table */
	__u32 watch;  /* 1: the controller is told of the next failed reply, or of the next request
		       * that passes a gate ajar; the kernel makes it 0 then */
	__u32 probes; /* sends that may still pass while the gate is ajar */
};

/* What a function's gate does with those who want to reach it. */
enum sp_gate {
	SP_GATE_OPEN,
	SP_GATE_SHUT, /* home, flagged undeliverable and failed */
	SP_GATE_AJAR, /* as shut, but for the probes of each instance */
};

/* Instances of a function. Written by the controller: entry first, count last. */
struct sp_function_slots {
	__u8 count;
	__u8 gate;    /* enum sp_gate */
	__u16 behind; /* in flight from which on an instance counts as behind */
	__u8 slot[SP_FN_INST_MAX];
	__u8 on_cpu[SP_CPU_MAX]; /* slot of the instance on CPU n % SP_CPU_MAX; 0 = none */
};

/* An edge of a function. Written by the controller. */
enum sp_route_kind {
	SP_ROUTE_NONE = 0, /* the graph has no such edge: naming it is a violation */
	SP_ROUTE_FUNCTION,
	SP_ROUTE_REPLY,
	SP_ROUTE_CALL, /* to a function, whose reply comes back to the sender */
};
struct sp_route {
	__u16 kind; /* enum sp_route_kind */
	__u16 fn;
	__u32 split; /* 0: none; else SP_SPLIT(), the share of another function */
};

/* `share` of SP_SPLIT_ALL of the sends go to function `fn` instead of the route's, a number of
 * which is the other revision of it. What has no instance gets nothing. */
#define SP_SPLIT(fn, share) ((__u32)(share) << 8 | (fn))
#define SP_SPLIT_FN(split) ((split)&0xff)
#define SP_SPLIT_SHARE(split) ((split) >> 8)

/* Who a socket belongs to; kept in socket storage, so a sender cannot say otherwise. */
struct sp_identity {
	__u32 slot;
	__u32 fn;
};

/* Why the kernel refused a send: name and the sentence shown to people. */
#define SP_VIOLATIONS(X)                                                     \
	X(SIZE, "size", "message is not 1 to 64 whole descriptors")          \
	X(IDENTITY, "identity", "socket does not belong to the chain")       \
	X(MIXED, "mixed", "descriptors of one send differ in edge or home")  \
	X(EDGE, "edge", "the chain has no such edge")                        \
	X(INDEX, "index", "buffer index out of range")                       \
	X(STALE, "stale", "generation is not the buffer's current one")      \
	X(OWNER, "owner", "buffer is not held by the sender")                \
	X(LENGTH, "length", "payload length is above the buffer's capacity") \
	X(HOME, "home", "home is not the slot that waits for the answer")    \
	X(REFILL, "refill", "refill asked for again before it was answered") \
	X(WAKE, "wake", "woken again before the last wake was read")         \
	X(BYPASS, "bypass", "bytes reached the kept end of a function's socket")

enum sp_violation {
#define X(id, name, text) SP_VIOLATION_##id,
	SP_VIOLATIONS(X)
#undef X
		SP_VIOLATION_COUNT,
};

/* Counters of a chain, summed over CPUs by the reader. */
enum sp_kernel_counter {
	SP_COUNT_DESCRIPTORS,   /* moved */
	SP_COUNT_BATCHES,       /* sends that moved them */
	SP_COUNT_UNDELIVERABLE, /* sent home because the function had no instance */
	SP_COUNT_REMOTE,        /* handed to an instance on another CPU than the sender's */
	SP_COUNT_TAP_LOST,      /* tap records that found the ring full */
	SP_COUNT_VIOLATION,     /* + enum sp_violation */
	SP_COUNT_MAX = SP_COUNT_VIOLATION + SP_VIOLATION_COUNT,
};

/* Not refused, but watched for: sp_instance.watch of `slot`. */
#define SP_EVENT_WATCHED 0x100

/* A refused send, as the controller reads it from the ring buffer. */
struct sp_event {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 slot;  /* who sent it */
	__u32 fn;
	__u32 reason;        /* enum sp_violation, or SP_EVENT_WATCHED: `desc` and `size` are 0 */
	__u32 size;          /* bytes of the message */
	struct sp_desc desc; /* the offending descriptor; zero for SIZE */
};

/*
 * Times from 1 us on, log-linear: below 4 us one bucket per us, then four to each power of
 * two. Bucket 0 holds what is below 1 us, the last one everything from its lower bound on.
 */
struct sp_histogram {
	__u64 sum_us;
	__u64 count[SP_HIST_BUCKETS];
};

/*
 * What the kernel counts per function and CPU, leases left out.
 * A call or a message is a request from when it reaches the one called until that one hands it
 * on: it is no turn of its caller's, and its answer is nobody's request.
 * wait: from the hand-over until the instance had finished what came before;
 * run: from then until it handed on. A batch shares its busy time evenly.
 * Of the gateway (function 0) wait is empty, and run is end to end: from the first hand-over
 * of a client's request until its reply arrives. `in` and `undeliverable` belong to the
 * function meant, everything else to the one that sent.
 */
struct sp_function_stats {
	__u64 in;            /* requests handed to it */
	__u64 out;           /* requests it handed on */
	__u64 failed;        /* replies with SP_DESC_FAILED */
	__u64 dropped;       /* replies with SP_DESC_DROPPED */
	__u64 undeliverable; /* requests meant for it, which had no receiver */
	struct sp_histogram wait, run;
};

/* An entry of the statistics map: `edges` counts the requests that left by each edge, calls and
 * those that found no receiver included; the last one is SP_EDGE_REPLY. `faults`: the failed
 * replies that are not blameless. */
struct sp_function_counts {
	struct sp_function_stats stats;
	__u64 edges[SP_EDGE_MAX + 1];
	__u64 faults;
};

/* What the controller switches while the chain serves. */
struct sp_settings {
	__u32 tap; /* 1: a record of each descriptor goes to the tap's ring buffer */
	__u32 reserved;
	__u64 program; /* hash of the program in the entry's slot; the kernel does not read it */
};

/* What became of a descriptor; a refused one: SP_TAP_REFUSED + enum sp_violation. */
enum sp_tap_verdict { SP_TAP_PASSED, SP_TAP_UNDELIVERABLE, SP_TAP_REFUSED };

/* A descriptor on its way, as a tap shows it. Of a refused send only the offending one is
 * shown: the rest of its batch is where it was. */
struct sp_tap {
	__u64 at_ns;    /* CLOCK_MONOTONIC */
	__u64 start_ns; /* first hand-over of the request; 0: refused, or no buffer named */
	__u32 buf;
	__u32 gen;
	__u32 len;
	__u32 since_us; /* since the sender got it; 0 where there is no earlier hand-over */
	__u32 verdict;  /* enum sp_tap_verdict */
	__u16 from_fn;
	__u16 to_fn; /* of an undeliverable one, the function meant */
	__u8 from_slot;
	__u8 to_slot;
	__u8 edge;
	__u8 flags;
	__u32 reserved;
};

#define SP_INLINE static inline __attribute__((always_inline))

/* The bucket of a time. The kernel counts on every hop: most times lie among the first eight, which
 * are a microsecond each; the others are found without a branch. */
SP_INLINE __u32 sp_histogram_bucket(__u32 us)
{
	__u64 rest = us;
	__u32 high, step;

	if (us < 8)
		return us;
	/* By halves: a difference below 0 has its top bits set. */
	high = (0xffffULL - rest) >> 59 & 16;
	rest >>= high;
	step = (0xffULL - rest) >> 60 & 8;
	rest >>= step;
	high += step;
	step = (0xfULL - rest) >> 61 & 4;
	rest >>= step;
	high += step;
	step = (0x3ULL - rest) >> 62 & 2;
	rest >>= step;
	high += step + (rest >> 1) - 2;
	high = 4 * high + (us >> high);
	return high < SP_HIST_BUCKETS ? high : SP_HIST_BUCKETS - 1;
}

/* The upper bound of a bucket, exclusive; of the last one, all there is. */
SP_INLINE __u64 sp_histogram_upper_us(unsigned bucket)
{
	if (bucket >= SP_HIST_BUCKETS - 1)
		return ~0ULL;
	return bucket < 4 ? bucket + 1 : (__u64)(bucket % 4 + 5) << (bucket / 4 - 1);
}

#define SP_OWNER_WORD(gen, holder) ((__u64)(gen) << 32 | (__u32)(holder))

_Static_assert(sizeof(struct sp_desc) == 16, "descriptor is 16 bytes on the wire");
_Static_assert(sizeof(struct sp_hop) == 8, "hop stamp");
_Static_assert(sizeof(struct sp_owner) == 256, "owner entry: four cache lines");
_Static_assert(sizeof(struct sp_instance) == 64, "instance: one cache line");
_Static_assert(sizeof(struct sp_function_slots) == 128, "function: two cache lines");
_Static_assert(sizeof(struct sp_route) == 8, "route");
_Static_assert(sizeof(struct sp_event) == 40, "event");
_Static_assert(sizeof(struct sp_histogram) == 8 + 8 * SP_HIST_BUCKETS, "histogram");
_Static_assert(sizeof(struct sp_function_stats) == 40 + 2 * 808, "function's statistics");
_Static_assert(sizeof(struct sp_settings) == 16, "settings");
_Static_assert(sizeof(struct sp_tap) == 48, "tap record");
_Static_assert(SP_INST_MAX <= 256, "a slot fits a byte");
_Static_assert(SP_EDGE_MAX <= SP_EDGE_REPLY, "edges do not meet the fixed ones");

#endif
