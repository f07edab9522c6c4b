// MicroTetherDB: included before every source of the tests' image. SPDX-License-Identifier: MIT
#ifndef MTDB_FAULTS_H
#define MTDB_FAULTS_H
#ifndef __ASSEMBLER__
extern unsigned long mtdb_faults_passes;
void mtdb_faults_pass(void);
// The VM looks for a pending exception right after this, so that an interrupt comes where a real one can, and nowhere else.
#define MICROPY_VM_HOOK_LOOP \
    if (mtdb_faults_passes && --mtdb_faults_passes == 0) { \
        mtdb_faults_pass(); \
    }
#endif
#endif
