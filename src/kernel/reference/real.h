/* The scalar type of the references. Every file of this folder is compiled once for each type, as a translation unit of
 * its own: the build defines KERNEL_F32 or KERNEL_F64. */
#ifndef DSTN_KERNEL_REAL_H
#define DSTN_KERNEL_REAL_H

#if defined(KERNEL_F32)
typedef float real;
#define KERNEL_TYPED(name) name##_f32
#define KERNEL_SCALAR DSTN_F32
#elif defined(KERNEL_F64)
typedef double real;
#define KERNEL_TYPED(name) name##_f64
#define KERNEL_SCALAR DSTN_F64
#else
#error "the build says for which scalar type a reference is compiled: KERNEL_F32 or KERNEL_F64"
#endif

#endif
