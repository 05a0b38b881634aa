#include <opencv2/core/utility.hpp>

#include "threads.h"

void nj_cv_single_thread() { cv::setNumThreads(1); }
