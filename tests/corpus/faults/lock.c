// SPDX-License-Identifier: GPL-2.0-or-later
/* Locks, in the orders and places in which they must not be taken. */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "faults.h"

static DEFINE_MUTEX(kf_a);
static DEFINE_MUTEX(kf_b);
static DEFINE_SPINLOCK(kf_safe);
static DEFINE_SPINLOCK(kf_unsafe);

static noinline void kf_take_a_b(void)
{
	mutex_lock(&kf_a);
	mutex_lock(&kf_b);
	mutex_unlock(&kf_b);
	mutex_unlock(&kf_a);
}

static noinline void kf_take_b_a(void)
{
	mutex_lock(&kf_b);
	mutex_lock(&kf_a);
	mutex_unlock(&kf_a);
	mutex_unlock(&kf_b);
}

static void kf_abba(void)
{
	kf_take_a_b();
	kf_take_b_a();
}

/* Two of one class. */
static noinline void kf_recursive(void)
{
	struct mutex lock[2];

	for (int i = 0; i < 2; i++)
		mutex_init(&lock[i]);
	mutex_lock(&lock[0]);
	mutex_lock(&lock[1]);
	mutex_unlock(&lock[1]);
	mutex_unlock(&lock[0]);
}

/* --- and interrupts ---------------------------------------------------------------- */

static struct timer_list kf_timer;

static void kf_in_timer(struct timer_list *t)
{
	spin_lock(&kf_safe);
	spin_unlock(&kf_safe);
}

static void kf_use_in_timer(void)
{
	timer_setup(&kf_timer, kf_in_timer, 0);
	mod_timer(&kf_timer, jiffies + 1);
	msleep(100);
}

static noinline void kf_irq_state(void)
{
	kf_use_in_timer();
	spin_lock(&kf_safe);
	spin_unlock(&kf_safe);
}

static noinline void kf_irq_order(void)
{
	kf_use_in_timer();
	spin_lock(&kf_unsafe);
	spin_unlock(&kf_unsafe);
	spin_lock_bh(&kf_safe);
	spin_lock(&kf_unsafe);
	spin_unlock(&kf_unsafe);
	spin_unlock_bh(&kf_safe);
}

/* The order first, then an interrupt that makes it wrong. */
static noinline void kf_irq_inversion(void)
{
	spin_lock_bh(&kf_safe);
	spin_lock(&kf_unsafe);
	spin_unlock(&kf_unsafe);
	spin_unlock_bh(&kf_safe);
	spin_lock(&kf_unsafe);
	spin_unlock(&kf_unsafe);
	kf_use_in_timer();
}

/* --- what is done to one lock --------------------------------------------------------
 */

static noinline void kf_unlock_twice(void)
{
	mutex_lock(&kf_a);
	mutex_unlock(&kf_a);
	mutex_unlock(&kf_a);
}

static noinline void kf_freed_held(void)
{
	struct mutex *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	mutex_init(lock);
	mutex_lock(lock);
	kfree(lock);
}

static noinline void kf_left_held(void)
{
	mutex_lock(&kf_a);
}

static noinline void kf_no_key(void)
{
	spinlock_t *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	spin_lock(lock);
	spin_unlock(lock);
}

static noinline void kf_not_nested(void)
{
	mutex_lock_nest_lock(&kf_b, &kf_a);
	mutex_unlock(&kf_b);
}

static noinline void kf_bad_magic(void)
{
	raw_spinlock_t lock;

	raw_spin_lock_init(&lock);
#ifdef CONFIG_DEBUG_SPINLOCK
	lock.magic = 0x6b66;
#endif
	raw_spin_lock(&lock);
	raw_spin_unlock(&lock);
}

static noinline void kf_mutex_magic(void)
{
	struct mutex lock;

	mutex_init(&lock);
#ifdef CONFIG_DEBUG_MUTEXES
	lock.magic = NULL;
#endif
	mutex_lock(&lock);
	mutex_unlock(&lock);
}

/* Really: the processor waits for itself. */
static noinline void kf_spin_twice(void)
{
	spin_lock(&kf_safe);
	spin_lock(&kf_safe);
}

/* --- sleep, and where no one may -----------------------------------------------------
 */

static noinline void kf_sleep_locked(void)
{
	spin_lock(&kf_safe);
	mutex_lock(&kf_a);
	mutex_unlock(&kf_a);
	spin_unlock(&kf_safe);
}

static noinline void kf_sleep_irqs_off(void)
{
	local_irq_disable();
	might_sleep();
	local_irq_enable();
}

static noinline void kf_schedule_atomic(void)
{
	preempt_disable();
	schedule_timeout_uninterruptible(2);
	preempt_enable();
}

static noinline void kf_which_cpu(void)
{
	unsigned int cpu = smp_processor_id();

	KF_HIDE(cpu);
}

static void kf_leaves_atomic(struct work_struct *w)
{
	preempt_disable();
}

static DECLARE_WORK(kf_leaky, kf_leaves_atomic);

static void kf_work_atomic(void)
{
	schedule_work(&kf_leaky);
	msleep(200);
}

static noinline void kf_timer_leaves_atomic(struct timer_list *t)
{
	preempt_disable();
}

static void kf_timer_atomic(void)
{
	timer_setup(&kf_timer, kf_timer_leaves_atomic, 0);
	mod_timer(&kf_timer, jiffies + 1);
	msleep(200);
}

/* --- RCU -----------------------------------------------------------------------------
 */

static int __rcu *kf_shared;

static noinline void kf_rcu_unlocked(void)
{
	int *p = rcu_dereference(kf_shared);

	KF_HIDE(p);
}

static noinline void kf_rcu_sleeps(void)
{
	rcu_read_lock();
	msleep(20);
	rcu_read_unlock();
}

const struct kf_fault kf_lock_faults[] = {
	{"abba", kf_abba},
	{"recursive", kf_recursive},
	{"irq-state", kf_irq_state},
	{"irq-order", kf_irq_order},
	{"irq-inversion", kf_irq_inversion},
	{"unlock-twice", kf_unlock_twice},
	{"freed-held", kf_freed_held},
	{"left-held", kf_left_held},
	{"no-key", kf_no_key},
	{"not-nested", kf_not_nested},
	{"bad-magic", kf_bad_magic},
	{"mutex-magic", kf_mutex_magic},
	{"spin-twice", kf_spin_twice},
	{"sleep-locked", kf_sleep_locked},
	{"sleep-irqs-off", kf_sleep_irqs_off},
	{"schedule-atomic", kf_schedule_atomic},
	{"which-cpu", kf_which_cpu},
	{"work-atomic", kf_work_atomic},
	{"timer-atomic", kf_timer_atomic},
	{"rcu-unlocked", kf_rcu_unlocked},
	{"rcu-sleeps", kf_rcu_sleeps},
	{NULL, NULL},
};
