#ifndef NIGHTJAR_CV_THREADS_H
#define NIGHTJAR_CV_THREADS_H

#ifdef __cplusplus
extern "C" {
#endif

// gocv 0.31 does not wrap cv::setNumThreads, and Debian's OpenCV runs on TBB, which reads no environment variable.
void nj_cv_single_thread();

#ifdef __cplusplus
}
#endif

#endif
