// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does one thing wrong, as its parameter says, while it is loaded: the debuggers must see it.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

static char *what = "nothing";
module_param(what, charp, 0444);

static void out_of_bounds(void)
{
	char *p = kmalloc(40, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	if (p)
		WRITE_ONCE(p[40], 1);
	kfree(p);
}

static void out_of_bounds_vmalloc(void)
{
	char *p = vmalloc(PAGE_SIZE - 8);

	OPTIMIZER_HIDE_VAR(p);
	if (p)
		WRITE_ONCE(p[PAGE_SIZE - 4], 1);
	vfree(p);
}

static void use_after_free(void)
{
	char *p = kmalloc(40, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
	if (p)
		WRITE_ONCE(p[8], 1);
}

/* Not instrumented: KASAN would see it, before page poisoning does when the page is given to the next one. */
static __no_sanitize_address noinline void write_two(volatile char *p)
{
	p[0] = 1;
	p[1] = 2;
}

static void freed_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *p;

	if (!page)
		return;
	p = page_address(page);
	preempt_disable();	/* this processor's next page is the one freed last */
	__free_page(page);
	write_two(p + 100);
	page = alloc_page(GFP_ATOMIC);
	preempt_enable();
	if (page)
		__free_page(page);
}

static void shift(void)
{
	int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	pr_info("broken: %d\n", 1 << by);
}

static DEFINE_SPINLOCK(spin);

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	kfree(kmalloc(16, GFP_KERNEL));
	spin_unlock(&spin);
}

static DEFINE_MUTEX(a);
static DEFINE_MUTEX(b);

static void ab_ba(void)
{
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_lock(&b);
	mutex_lock(&a);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static void leak(void)
{
	void *p = kmalloc(40, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
}

static long shared, flag;

static int add(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

/* What is told with a flag is not ordered before it: x86 does not show that, KCSAN's weak memory does. */
static int tell(void *unused)
{
	while (!kthread_should_stop()) {
		if (!READ_ONCE(flag)) {
			shared++;
			WRITE_ONCE(flag, 1);	/* smp_store_release() */
		}
		cond_resched();
	}
	return 0;
}

static int hear(void *unused)
{
	while (!kthread_should_stop()) {
		if (smp_load_acquire(&flag)) {	/* before what it tells of */
			shared++;
			smp_store_release(&flag, 0);	/* after it */
		}
		cond_resched();
	}
	return 0;
}

static void two(int (*first)(void *), int (*second)(void *))
{
	struct task_struct *t = kthread_run(first, NULL, "broken/1"), *u = kthread_run(second, NULL, "broken/2");

	msleep(8000);
	kthread_stop(t);
	kthread_stop(u);
}

static void race(void)
{
	two(add, add);
}

static void no_release(void)
{
	two(tell, hear);
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*call)(void);
} faults[] = {
	{ "nothing", nothing },
	{ "out-of-bounds", out_of_bounds },
	{ "out-of-bounds-vmalloc", out_of_bounds_vmalloc },
	{ "use-after-free", use_after_free },
	{ "freed-page", freed_page },
	{ "shift", shift },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "ab-ba", ab_ba },
	{ "leak", leak },
	{ "data-race", race },
	{ "no-release", no_release },
};

static int __init broken_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(what, faults[i].name)) {
			faults[i].call();
			return 0;
		}
	}
	return -EINVAL;
}
module_init(broken_init);

static void __exit broken_exit(void)
{
}
module_exit(broken_exit);

MODULE_LICENSE("GPL");
