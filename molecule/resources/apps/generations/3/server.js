'use strict';
require('../application').application(3003, require('socket.io'));
