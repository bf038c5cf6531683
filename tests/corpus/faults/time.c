// SPDX-License-Identifier: GPL-2.0-or-later
/* What takes too long.  Each ends by itself, so that a kernel that survives can tell. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "faults.h"

#define KF_BUSY_S 14

static noinline void kf_spin_for(unsigned int seconds)
{
	u64 end = ktime_get_ns() + (u64)seconds * NSEC_PER_SEC;

	while (ktime_get_ns() < end)
		cpu_relax();
}

static noinline void kf_soft_lockup(void)
{
	preempt_disable();
	kf_spin_for(KF_BUSY_S);
	preempt_enable();
}

/* Another waits for the end of a grace period, so that there is one. */
static int kf_waits_for_rcu(void *unused)
{
	synchronize_rcu();
	return 0;
}

static noinline void kf_rcu_stall(void)
{
	kthread_run(kf_waits_for_rcu, NULL, "kf_waiter");
	msleep(50);
	rcu_read_lock();
	kf_spin_for(KF_BUSY_S);
	rcu_read_unlock();
}

static noinline void kf_rcu_stall_off(void)
{
	kthread_run(kf_waits_for_rcu, NULL, "kf_waiter");
	msleep(50);
	preempt_disable();
	kf_spin_for(KF_BUSY_S);
	preempt_enable();
}

/* --- tasks that hang -----------------------------------------------------------------
 */

static DEFINE_MUTEX(kf_taken);

static noinline int kf_sleeper(void *unused)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion(&never);
	return 0;
}

static void kf_hung(void)
{
	kthread_run(kf_sleeper, NULL, "kf_sleeper");
}

static noinline int kf_wants_taken(void *unused)
{
	mutex_lock(&kf_taken);
	mutex_unlock(&kf_taken);
	return 0;
}

static noinline int kf_takes(void *unused)
{
	DECLARE_COMPLETION_ONSTACK(never);

	mutex_lock(&kf_taken);
	wait_for_completion(&never);
	return 0;
}

static void kf_hung_two(void)
{
	kthread_run(kf_takes, NULL, "kf_owner");
	msleep(100);
	kthread_run(kf_wants_taken, NULL, "kf_wants");
}

/* --- a pool of workers that goes nowhere ----------------------------------------------
 */

static void kf_works_long(struct work_struct *w)
{
	kf_spin_for(KF_BUSY_S + 10);
}

static void kf_waits_its_turn(struct work_struct *w)
{
}

static DECLARE_WORK(kf_long, kf_works_long);
static DECLARE_WORK(kf_next, kf_waits_its_turn);

static void kf_workqueue(void)
{
	schedule_work_on(0, &kf_long);
	schedule_work_on(0, &kf_next);
}

const struct kf_fault kf_time_faults[] = {
	{"soft-lockup", kf_soft_lockup},
	{"rcu-stall", kf_rcu_stall},
	{"rcu-stall-off", kf_rcu_stall_off},
	{"hung", kf_hung},
	{"hung-two", kf_hung_two},
	{"workqueue", kf_workqueue},
	{NULL, NULL},
};
