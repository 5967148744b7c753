// SPDX-License-Identifier: GPL-2.0
/*
 * iceoryx: publishers lend memory from a pool, subscribers get it by reference, and sleep on a wait set. Its daemon,
 * iox-roudi, owns the memory: each sample starts one, in a /tmp and a /dev/shm that go with the sample. A subscriber's
 * queue holds 256 records at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <optional>
#include <signal.h>
#include <stdarg.h>
#include <string>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

using namespace iox::popo;

struct own {
	std::optional<UntypedPublisher> publisher;
	std::optional<UntypedSubscriber> subscriber;
	std::optional<WaitSet<1>> waits;
};

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int, size_t size, unsigned int,
				       bool in_place)
{
	struct own *own = (struct own *)e->own;
	auto loan = own->publisher->loan((uint32_t)size);

	if (loan.has_error())
		return 0;
	if (in_place) {
		bench_fill(e, loan.value(), first, size);
	} else {
		bench_make(e, first, 1, size);
		memcpy(loan.value(), bench_made(e, first, size), size);
	}
	own->publisher->publish(loan.value());
	return 1;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int, size_t size, unsigned int, bool in_place)
{
	struct own *own = (struct own *)e->own;
	auto taken = own->subscriber->take();

	if (taken.has_error()) {
		if (e->work->waiting == SLEEP)
			own->waits->wait();
		return 0;
	}
	if (!in_place)
		memcpy(e->record, taken.value(), size);
	bench_take(e, in_place ? taken.value() : e->record, size, in_place);
	own->subscriber->release(taken.value());
	return 1;
}

static bool put(const char *path, const char *format, ...)
{
	va_list args;
	int fd = open(path, O_WRONLY), ret;

	va_start(args, format);
	ret = vdprintf(fd, format, args);
	va_end(args);
	close(fd);
	return ret > 0;
}

/* Who is not root becomes it, where that is allowed, for as long as this sample takes. */
static bool world_of_its_own(void)
{
	unsigned int uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNS) &&
	    (unshare(CLONE_NEWUSER | CLONE_NEWNS) || !put("/proc/self/uid_map", "0 %u 1", uid) ||
	     !put("/proc/self/setgroups", "deny") || !put("/proc/self/gid_map", "0 %u 1", gid)))
		return false;
	return !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/tmp", "tmpfs", 0, NULL) && !mount("none", "/dev/shm", "tmpfs", 0, NULL);
}

/* Ends with this sample */
static void start_daemon(const struct work *w)
{
	char config[64];
	int pools = memfd_create("pools", 0), null = open("/dev/null", O_RDWR), tries;

	if (!world_of_its_own())
		bench_fail("no /tmp of its own: %s", strerror(errno));
	dprintf(pools, "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = %zu\ncount = 1024\n",
		w->size < 32 ? 32 : w->size);
	snprintf(config, sizeof(config), "/proc/self/fd/%d", pools);
	switch (fork()) {
	case -1:
		bench_fail("fork: %s", strerror(errno));
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		dup2(null, 2);
		execlp("iox-roudi", "iox-roudi", "-m", "off", "-c", config, (char *)NULL);
		_exit(1);
	}
	for (tries = 0; access("/tmp/roudi", F_OK); tries++) {
		if (tries == 5000)
			bench_fail("iox-roudi does not begin");
		usleep(1000);
	}
}

static void *make_channel(const struct work *w)
{
	static uintptr_t made;

	if (!made)
		start_daemon(w);
	return (void *)++made;
}

static void attach(struct end *e, bool sends)
{
	static bool begun;
	struct own *own = new struct own;
	PublisherOptions out;
	SubscriberOptions in;
	std::string process = "bench-" + std::to_string(getpid());
	iox::capro::ServiceDescription topic("ring", "bench", { iox::cxx::TruncateToCapacity,
					     std::to_string((uintptr_t)e->channel) });

	if (!begun) {
		iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
									 iox::log::LogLevelOutput::kHideLogLevel);
		iox::runtime::PoshRuntime::initRuntime({ iox::cxx::TruncateToCapacity, process });
	}
	begun = true;
	if (sends) {
		out.subscriberTooSlowPolicy = ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
		own->publisher.emplace(topic, out);
	} else {
		if (in.queueCapacity > DEPTH(e->work->size))
			in.queueCapacity = DEPTH(e->work->size);
		in.queueFullPolicy = QueueFullPolicy::BLOCK_PRODUCER;
		own->subscriber.emplace(topic, in);
		if (e->work->waiting == SLEEP) {
			own->waits.emplace();
			if (own->waits->attachState(*own->subscriber, SubscriberState::HAS_DATA).has_error())
				bench_fail("no wait set");
		}
		/* What is published before goes nowhere. */
		while (own->subscriber->getSubscriptionState() != iox::SubscribeState::SUBSCRIBED)
			usleep(1000);
	}
	e->own = own;
}

/* Whether there are a daemon and a /tmp for it */
static bool can_start(void)
{
	static int can = -1;
	int status;
	pid_t pid;

	if (can >= 0)
		return can;
	pid = fork();
	if (!pid)
		_exit(system("command -v iox-roudi >/dev/null") || !world_of_its_own());
	can = pid > 0 && waitpid(pid, &status, 0) == pid && !status;
	if (!can)
		fprintf(stderr, "# without iceoryx: its iox-roudi cannot be started here\n");
	return can;
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting != SPINSLEEP && w->batch == 1 && can_start();
}

#include "loops.h"

PEER(iceoryx, .name = "iceoryx", .broadcasts = true, .can = can, .open = make_channel, .attach = attach, LOOPS)
