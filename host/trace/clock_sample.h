/* SPDX-License-Identifier: GPL-2.0-only */
/* Records that relate the host's clock, its TSC and the guest's TSC. */
#ifndef SS_TRACE_CLOCK_SAMPLE_H
#define SS_TRACE_CLOCK_SAMPLE_H

#include <stdint.h>

#include "ss_events.h"

/**
 * clock_sample_host() - a sample of CLOCK_MONOTONIC between two readings of the TSC.
 * @rec: filled, with the tightest of a few tries: being preempted between the
 *	reads widens one
 */
void clock_sample_host(struct ss_rec_host_clock *rec);

/**
 * clock_vcpu_rec() - a record from what KVM's ioctls tell.
 * @guest_khz: KVM_GET_TSC_KHZ of the vCPU
 * @host_khz: the same of the host; equal values or a 0 mean that nothing is scaled
 * @frac_bits: of the hardware's ratio: 48 with VMX, 32 with SVM
 * @offset: KVM_VCPU_TSC_OFFSET
 * @ts: host CLOCK_MONOTONIC ns
 */
void clock_vcpu_rec(struct ss_rec_vcpu_tsc *rec, uint32_t vcpu, uint32_t guest_khz,
		    uint32_t host_khz, uint32_t frac_bits, uint64_t offset, uint64_t ts);

#endif /* SS_TRACE_CLOCK_SAMPLE_H */
